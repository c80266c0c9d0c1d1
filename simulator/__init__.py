"""The synthetic market and the matching core that fills orders against it."""
