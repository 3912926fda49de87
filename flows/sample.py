"""A backtest of a month that the project generates itself: what `make backtest` runs."""

import os
import socket
from pathlib import Path

from flows.backtest import backtest
from flows.parameters import BacktestParameters, StrategyChoice
from flows.report import BacktestReport
from sample.archive import write_sample
from sample.server import serve
from tasks.settings import Settings

# A lake of its own, so that synthetic ratings and results never stand beside real ones.
_FOLDER = "sample"

# The address decides whether ratings are fetched again, so it stays the same as long as it is free.
_PORT = 8747

# Small, so that even a month of a megabyte is shared among workers.
_CHUNK_BYTES = 150_000

VARIANTS = [
    StrategyChoice(strategy="back_favourite"),
    *(
        StrategyChoice(strategy="rated_price", parameters={"staking": staking, "seconds_to_start": seconds})
        for staking in ("flat", "proportional")
        for seconds in (60, 30)
    ),
]


def run_sample(root: str | None) -> BacktestReport:
    """Generate the sample month, serve its ratings, and backtest the strategies of this project on it.

    Args:
        root: A folder for sample and lake; None takes `sample` in the settings' lake.

    Returns:
        The report.
    """
    folder = Path(root or Path(Settings().lake) / _FOLDER)
    sample = write_sample(folder / "inbox")
    with serve(sample.ratings, _PORT if _is_free(_PORT) else 0) as url:
        os.environ["BACKTEST_RATINGS_URL"] = url
        return backtest(
            BacktestParameters(
                archives=[str(sample.archive)],
                strategies=VARIANTS,
                ratings="iggy",
                lake=str(folder),
                chunk_bytes=_CHUNK_BYTES,
            )
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
