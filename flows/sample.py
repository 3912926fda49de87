"""A backtest of a generated month: run by `make backtest`, and a good first run in the UI."""

import os
import socket
from pathlib import Path

from prefect import flow

from flows.backtest import backtest
from flows.backtest_report import BacktestReport
from flows.parameters import BacktestParameters
from flows.strategy_choice import StrategyChoice
from sample.archive import write_sample
from sample.server import serve
from tasks.settings import Settings

# A separate lake, so that synthetic ratings and results never mix with real ones.
_FOLDER = "sample"

# Fixed if it is free, because ratings are fetched again when their address changes.
_PORT = 8747

# Small, so that even a month of a megabyte is split among workers.
_CHUNK_BYTES = 150_000

VARIANTS = [
    StrategyChoice(strategy="back_favourite"),
    *(
        StrategyChoice(strategy="rated_price", parameters={"staking": staking, "seconds_to_start": seconds})
        for staking in ("flat", "proportional")
        for seconds in (60, 30)
    ),
]


@flow(name="sample", persist_result=False)
def sample(lake: str | None = None) -> BacktestReport:
    """Generate the sample month, serve its ratings, and backtest the strategies of this project on it.

    Args:
        lake: A folder for the month and its lake; default `sample` in the lake.

    Returns:
        The report.
    """
    folder = Path(lake or Path(Settings().lake) / _FOLDER)
    month = write_sample(folder / "inbox")
    with serve(month.ratings, _PORT if _is_free(_PORT) else 0) as url:
        os.environ["BACKTEST_RATINGS_URL"] = url
        return backtest(
            BacktestParameters(
                archives=[str(month.archive)],
                strategies=VARIANTS,
                ratings="iggy",
                lake=str(folder),
                chunk_bytes=_CHUNK_BYTES,
            )
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
