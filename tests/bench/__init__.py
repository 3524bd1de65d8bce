"""How fast nntui is against loops written by hand: ``python -m tests.bench`` prints a table of ratios."""
