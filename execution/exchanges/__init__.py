"""Real exchanges and testnets behind the venue port, through ccxt."""
