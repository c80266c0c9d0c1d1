"""Circuit breakers: what they watch, when they open, and on what evidence they let trading back in. Pure."""
