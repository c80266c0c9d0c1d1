"""News: where it comes from and what it says."""
