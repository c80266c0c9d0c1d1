"""Execution algorithms: small state machines that work a large order through the one door."""
