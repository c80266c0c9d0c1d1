"""One role, one prompt, one typed answer, one deterministic baseline."""
