"""The command `backtest`: verbs and options generated from the flows' parameters, and the terminal's output."""
