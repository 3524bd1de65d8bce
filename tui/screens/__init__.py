"""One screen a file. Screens route keys and messages; widgets show."""
