"""The gate: limits, facts, rules and the only maker of approved orders. Pure, without I/O."""
