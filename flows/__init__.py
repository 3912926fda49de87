"""How the stages chain, a file a stage, and the two ways in: the command line and Prefect's deployments."""

import logging

# Wherever a flow runs, what its stages say is for its user to read; Prefect would show warnings alone.
logging.getLogger("backtest").setLevel(logging.INFO)
