"""Other engines doing the same work, each run by its own script in its own virtual environment."""
