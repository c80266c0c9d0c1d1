"""The simulated exchange on the wire: the protocols of Binance, Gate.io and MEXC, and faults on demand."""
