"""What the desk owns: double-entry ledger, positions, equity and performance."""
