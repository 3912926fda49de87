"""One run's orders to its results in the lake. The figures themselves are in the modules beside this one."""

import json
from dataclasses import dataclass
from math import isclose

import pandas as pd
import pyarrow as pa

from tasks.aggregation.settlement import Commission, settle
from tasks.aggregation.statistics import statistics
from tasks.aggregation.summary import by_day, by_variant
from tasks.errors import BalanceError
from tasks.lake.datasets import (
    ORDERS,
    RESULTS_DAYS,
    RESULTS_MARKETS,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
    Dataset,
)
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake, LakeFile
from tasks.simulation.replay import ReplayJob
from tasks.simulation.variant import Variant

VERSION = 2

# The summary last: a run that has one is whole.
RESULTS = (RESULTS_MARKETS, RESULTS_DAYS, RESULTS_STATISTICS, RESULTS_SUMMARY)

_HALF_A_CENT = 0.005


@dataclass(frozen=True)
class Run:
    """One backtest: which orders make its results.

    Attributes:
        lake: The lake.
        variants: In the order in which they were asked for.
        jobs: The chunks they were replayed on.
        commission: The rate.
    """

    lake: Lake
    variants: tuple[Variant, ...]
    jobs: tuple[ReplayJob, ...]
    commission: Commission

    @property
    def fingerprint(self) -> str:
        """What decides the results."""
        return fingerprint(
            "aggregate",
            version=VERSION,
            variants=[variant.id for variant in self.variants],
            orders=[[job.archive, job.chunk, job.fingerprint(v)] for job in self.jobs for v in self.variants],
            commission=self.commission,
            schema=[dataset.layout for dataset in RESULTS],
        )

    @property
    def id(self) -> str:
        """What the lake calls it: the first archive, and a fingerprint of all that was asked for."""
        return f"{self.jobs[0].archive}-{self.fingerprint[:8]}"

    @property
    def seed(self) -> int:
        """What its bootstrap draws begin with, so that the same run has the same intervals."""
        return int(self.fingerprint[:8], 16)


def find_results(run: Run) -> list[LakeFile] | None:
    """Find a run's results in the lake.

    Args:
        run: The run.

    Returns:
        The files of `RESULTS`, or None where any is to be made.
    """
    found = [run.lake.fresh(dataset, {"run": run.id}, run.fingerprint) for dataset in RESULTS]
    files = [file for file in found if file is not None]
    return files if len(files) == len(found) else None


def write_results(run: Run, markets: pd.DataFrame) -> list[LakeFile]:
    """Settle a run's orders and write its results.

    Args:
        run: The run.
        markets: The selected rows of the catalogue, with a column `archive`.

    Returns:
        The files of `RESULTS`.

    Raises:
        BalanceError: Orders or money do not add up.
        LakeError: A chunk's orders are missing; run the simulate stage.
    """
    orders = read_orders(run)
    settled = settle(orders, markets, run.commission)
    variants = pd.DataFrame(
        {
            "strategy": [variant.id for variant in run.variants],
            "name": [variant.name for variant in run.variants],
            "parameters": [json.dumps(variant.parameters, sort_keys=True) for variant in run.variants],
        }
    )
    summary = by_variant(settled, variants)
    _check_balance(orders, settled, summary)
    weighed = statistics(orders, settled, markets, list(variants["strategy"]), run.seed)
    frames = (settled, by_day(settled), weighed, summary)
    return [
        run.lake.write(dataset, {"run": run.id}, _table(frame, dataset), run.fingerprint)
        for dataset, frame in zip(RESULTS, frames, strict=True)
    ]


def read_orders(run: Run) -> pd.DataFrame:
    """Read the orders of a run.

    Args:
        run: The run.

    Returns:
        Rows of `orders` of all its variants.

    Raises:
        LakeError: A chunk's orders are missing or damaged.
    """
    tables = [run.lake.read(ORDERS, job.partition(variant)) for job in run.jobs for variant in run.variants]
    orders: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return orders


def _check_balance(orders: pd.DataFrame, settled: pd.DataFrame, summary: pd.DataFrame) -> None:
    sums = {
        "orders": (len(orders), settled["orders"].sum(), summary["orders"].sum()),
        "gross": (orders["profit"].sum(), settled["gross"].sum(), summary["gross"].sum()),
        "net": (settled["gross"].sum() - settled["commission"].sum(), settled["net"].sum(), summary["net"].sum()),
        "commission": (settled["commission"].sum(), summary["commission"].sum()),
    }
    for what, (first, *others) in sums.items():
        if not all(isclose(first, other, abs_tol=_HALF_A_CENT * (len(summary) + 1)) for other in others):
            raise BalanceError(f"{what} do not add up: {first} in the orders, {others} in markets and summary")


def _table(frame: pd.DataFrame, dataset: Dataset) -> pa.Table:
    return pa.Table.from_pandas(frame[dataset.schema.names], dataset.schema, preserve_index=False)
