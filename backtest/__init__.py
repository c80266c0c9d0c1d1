"""The same engine over past bars, and the reports about it."""
