"""What a finished run has to say, read from the lake: for the command line, its JSON, and `backtest show`."""

import json
from typing import Any

from pydantic import BaseModel

from tasks.caching import StageRecord
from tasks.errors import InputError
from tasks.lake.datasets import RESULTS_SUMMARY
from tasks.lake.store import Lake
from tasks.settings import Settings


class BacktestReport(BaseModel):
    """What a backtest did and found.

    Attributes:
        run: Its id: `results/…/run=<id>`.
        lake: The lake's root.
        stages: What each stage did, in their order; empty where a run of the past is shown.
        variants: Rows of `results/summary`, the parameters as an object.
    """

    run: str
    lake: str
    stages: dict[str, StageRecord] = {}
    variants: list[dict[str, Any]]


def read_report(run: str | None, root: str | None) -> BacktestReport:
    """Read a run's summary.

    Args:
        run: Its id; None takes the latest.
        root: The lake's root; None takes the settings'.

    Returns:
        The report.

    Raises:
        InputError: There is no such run; the text lists those there are.
    """
    lake = Lake(root or Settings().lake)
    wanted = run or lake.newest(RESULTS_SUMMARY)
    if wanted is None or lake.find(RESULTS_SUMMARY, {"run": wanted}) is None:
        runs = ", ".join(lake.values(RESULTS_SUMMARY)) or "none"
        raise InputError(f"no run {run or ''} in the lake {lake.root}; there are: {runs}")
    rows = lake.read(RESULTS_SUMMARY, {"run": wanted}).to_pylist()
    variants = [{**row, "parameters": json.loads(row["parameters"])} for row in rows]
    return BacktestReport(run=wanted, lake=lake.root, variants=variants)
