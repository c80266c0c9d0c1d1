"""Observe the market and decide nothing: feeds, bars, features, news and the snapshot."""
