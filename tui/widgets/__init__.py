"""One widget a file. Widgets show; screens decide."""
