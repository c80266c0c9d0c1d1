"""A mutation run: the risk room is broken on purpose, one place at a time, and a test has to notice."""
