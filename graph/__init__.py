"""The decision cycle: state, nodes, proposal and the engine that drives them."""
