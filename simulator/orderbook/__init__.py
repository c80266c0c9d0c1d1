"""A price-time order book on whole ticks and lots: plain, compiled, and replayed from recorded depth."""
