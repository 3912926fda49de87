"""Prefect flows, one file per stage, and their two entry points: the command line and Prefect's deployments."""

import logging

# Show the stages' log to the user wherever a flow runs; Prefect's default is warnings only.
logging.getLogger("backtest").setLevel(logging.INFO)
