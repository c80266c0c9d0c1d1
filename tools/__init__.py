"""What a model may call: typed, deterministic, logged tools and who may use them."""
