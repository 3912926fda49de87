"""The command `backtest`: verbs and options made of the flows' parameters, and what the terminal shows."""
