"""The one door to a venue: the order desk, and what works through it."""
