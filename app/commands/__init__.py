"""One module per group of verbs; loaded only when the verb runs."""
