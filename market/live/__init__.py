"""Market data of a running exchange as a feed."""
