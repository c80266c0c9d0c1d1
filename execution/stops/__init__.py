"""How a stop is chosen and moved: the plan, its rules, and the round trip they look at."""
