"""A simulated exchange without a wire: accounts, orders, markets and their events."""
