"""What a book risks, as floats: value at risk, its backtest, beta, correlation, contributions, exposure."""
