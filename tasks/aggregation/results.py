"""One run's orders to its results in the lake. The figures themselves are in the modules beside this one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isclose

import pandas as pd
import pyarrow as pa

from tasks.aggregation.settlement import Commission, settle
from tasks.aggregation.split import Races, compare, fold
from tasks.aggregation.statistics import statistics
from tasks.aggregation.summary import by_day, by_variant
from tasks.errors import BalanceError, ReplacedOrdersError
from tasks.lake.datasets import (
    ORDERS,
    RESULTS_DAYS,
    RESULTS_MARKETS,
    RESULTS_SPLIT,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
    Dataset,
)
from tasks.lake.fingerprint import digest, fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.simulation.job import Orders, ReplayJob, find_orders
from tasks.simulation.variant import Variant

VERSION = 4

TAKEN, SETTLED = "orders taken", "orders settled"
"""Under which results have the numbers of orders that went in, by their files, and that came out, by their markets."""

# The same question has other orders tomorrow, where a strategy reads a file that changed.
_MADE_OF = "made of"

_HALF_A_CENT = 0.005


@dataclass(frozen=True)
class Run:
    """One backtest: which orders make its results.

    Attributes:
        lake: The lake.
        variants: In the order in which they were asked for.
        jobs: The chunks they were replayed on.
        commission: The rate.
        split: Where races are divided, as `split.fold` takes it; None where they are not.
    """

    lake: Lake
    variants: tuple[Variant, ...]
    jobs: tuple[ReplayJob, ...]
    commission: Commission
    split: str | None = None

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """What its results are; the summary last: a run that has one is whole."""
        split = (RESULTS_SPLIT,) if self.split else ()
        return (RESULTS_MARKETS, RESULTS_DAYS, RESULTS_STATISTICS, *split, RESULTS_SUMMARY)

    @cached_property
    def fingerprint(self) -> str:
        """What decides the results."""
        return fingerprint(
            "aggregate",
            version=VERSION,
            variants=[variant.id for variant in self.variants],
            orders=[[job.archive, job.chunk, job.fingerprint(v)] for job in self.jobs for v in self.variants],
            commission=self.commission,
            split=self.split,
            schema=[dataset.layout for dataset in self.datasets],
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
        Its files, or None where any is to be made: it is missing, or its orders are, or it was made of others.
    """
    found = [run.lake.fresh(dataset, {"run": run.id}, run.fingerprint) for dataset in run.datasets]
    try:
        made_of = _content(find_all_orders(run))
    except ReplacedOrdersError:
        return None
    files = [file for file in found if file is not None and file.notes.get(_MADE_OF) == made_of]
    return files if len(files) == len(found) else None


def write_results(run: Run, markets: pd.DataFrame) -> list[LakeFile]:
    """Settle a run's orders and write its results.

    Args:
        run: The run.
        markets: The selected rows of the catalogue, with a column `archive`.

    Returns:
        Its files.

    Raises:
        BalanceError: Orders or money do not add up.
        ReplacedOrdersError: A chunk's orders are missing, stale, or of another selection; run the simulate stage.
        LakeError: A chunk's orders are damaged.
    """
    files = find_all_orders(run)
    orders = _read(run.lake, files)
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
    ids = list(variants["strategy"])
    frames = {
        RESULTS_MARKETS: settled,
        RESULTS_DAYS: by_day(settled),
        RESULTS_STATISTICS: statistics(orders, settled, markets, ids, run.seed),
        RESULTS_SUMMARY: summary,
    }
    if run.split:
        frames[RESULTS_SPLIT] = compare(Races(orders, settled, markets), ids, fold(markets, run.split), run.seed)
    taken, settled_orders = sum(found.file.rows for found in files), int(settled["orders"].sum())
    notes = {_MADE_OF: _content(files), TAKEN: str(taken), SETTLED: str(settled_orders)}
    return [
        run.lake.write(dataset, {"run": run.id}, _table(frames[dataset], dataset), run.fingerprint, notes=notes)
        for dataset in run.datasets
    ]


def find_all_orders(run: Run) -> list[Orders]:
    """Find the orders of a run.

    Args:
        run: The run.

    Returns:
        Files of all its variants in all its chunks.

    Raises:
        ReplacedOrdersError: A chunk's orders are missing, stale, or those of another selection of markets.
    """
    files = []
    for job in run.jobs:
        found = find_orders(job)
        for variant in run.variants:
            if variant.id not in found:
                raise ReplacedOrdersError(
                    f"the orders of {variant.id} in chunk {job.chunk} of {job.archive} are missing, or those of "
                    "another selection of markets; run the simulate stage"
                )
            files.append(found[variant.id])
    return files


def read_orders(run: Run) -> pd.DataFrame:
    """Read the orders of a run.

    Args:
        run: The run.

    Returns:
        Rows of `orders` of all its variants.

    Raises:
        ReplacedOrdersError: A chunk's orders are missing, stale, or those of another selection of markets.
        LakeError: A chunk's orders are damaged.
    """
    return _read(run.lake, find_all_orders(run))


def _read(lake: Lake, files: Sequence[Orders]) -> pd.DataFrame:
    tables = []
    for orders in files:
        with lake.reader(ORDERS, orders.file.path) as reader:
            tables.append(reader.read())
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame


def _content(files: Sequence[Orders]) -> str:
    return digest(orders.content.encode() for orders in files)


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
