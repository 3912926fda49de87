"""What a report is made of, read from the lake. What is made of it is in `page.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from platform import python_version

import pandas as pd
import pyarrow as pa

from tasks.errors import InputError, LakeError
from tasks.lake.datasets import (
    CATALOGUE_MARKETS,
    CATALOGUE_RUNNERS,
    ORDERS,
    RESULTS_MARKETS,
    RESULTS_SPLIT,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
    Dataset,
)
from tasks.lake.fingerprint import ENGINE, digest, fingerprint
from tasks.lake.store import Lake
from tasks.ratings.model import Model, load_ratings
from tasks.rejects import RejectSource, count_rejects
from tasks.report.drawing import Floats

_ORDER = [
    "bet_id",
    "strategy_name",
    "market_id",
    "selection_id",
    "handicap",
    "side",
    "price_matched",
    "size_matched",
    "profit",
    "bsp",
    "runner_status",
]


# Of the page: raised when what it shows changes.
VERSION = 1


@dataclass(frozen=True)
class Origin:
    """What a run was asked; the lake does not know it.

    Attributes:
        command: The command line that makes the run again.
        archives: Their names in the lake, in the order in which they were asked for.
        currency: The account's, ISO 4217.
        ratings: The ratings' model, if there was one.
        reject_sources: Where the run's rejects are.
    """

    command: str
    archives: Sequence[str]
    currency: str
    ratings: Model | None = None
    reject_sources: Sequence[RejectSource] = ()

    @property
    def fingerprint(self) -> str:
        """What decides a run's page beside its results; it is in the page."""
        ratings = self.ratings and self.ratings.content
        return fingerprint("report", version=VERSION, command=self.command, ratings=ratings)


@dataclass(frozen=True)
class ReportData:
    """A run, as much of it as its report shows.

    Attributes:
        run: Its id.
        origin: What it was asked.
        summary: Rows of `results/summary`.
        settled: Rows of `results/markets`.
        orders: Their rows of `orders`.
        markets: Rows of `catalogue/markets`, at least those with orders.
        runners: Rows of `catalogue/runners`, of those markets.
        ratings: market_id, selection_id, rating, of those markets; empty without a model.
        statistics: Rows of `results/statistics`; empty where a run has none.
        split: Rows of `results/split`; empty where races were not divided.
        rejects: What was left out, from `count_rejects`.
        provenance: What made the results, each thing with its version or fingerprint.
        draws: Variant id to its bootstrap nets; empty where there are none.
    """

    run: str
    origin: Origin
    summary: pd.DataFrame
    settled: pd.DataFrame
    orders: pd.DataFrame
    markets: pd.DataFrame
    runners: pd.DataFrame
    ratings: pd.DataFrame
    statistics: pd.DataFrame
    split: pd.DataFrame
    rejects: Sequence[Mapping[str, object]]
    provenance: Mapping[str, str]
    draws: Mapping[str, Floats] = field(default_factory=dict)


def collect(lake: Lake, run: str, origin: Origin) -> ReportData:
    """Read a finished run.

    Args:
        lake: The lake.
        run: The run's id.
        origin: What it was asked.

    Returns:
        All that the lake knows of it; the bootstrap's draws are not kept there, and the caller's to add.

    Raises:
        InputError: There is no such run.
        LakeError: Something of the run is no longer in the lake as it was; run the backtest again.
    """
    results = lake.find(RESULTS_SUMMARY, {"run": run})
    if results is None:
        raise InputError(f"no run {run} in the lake {lake.root}")
    settled: pd.DataFrame = lake.read(RESULTS_MARKETS, {"run": run}).to_pandas()
    bet_on = set(settled["market_id"])
    markets = _read_catalogue(lake, CATALOGUE_MARKETS, origin.archives, bet_on)
    return ReportData(
        run=run,
        origin=origin,
        summary=lake.read(RESULTS_SUMMARY, {"run": run}).to_pandas(),
        settled=settled,
        orders=read_orders_of(lake, settled, markets),
        markets=markets,
        runners=_read_catalogue(lake, CATALOGUE_RUNNERS, origin.archives, bet_on),
        ratings=_read_ratings(lake, origin.ratings, markets),
        statistics=lake.read_all(RESULTS_STATISTICS, {"run": run}).to_pandas(),
        split=lake.read_all(RESULTS_SPLIT, {"run": run}).to_pandas(),
        rejects=count_rejects(lake, origin.reject_sources),
        provenance={
            "betfair-backtest": version("betfair-backtest"),
            **ENGINE,
            "Python": python_version(),
            "results": results.fingerprint,
            **{f"archive {archive}": _archive_fingerprint(lake, archive) for archive in origin.archives},
            **({f"ratings {origin.ratings.name}": origin.ratings.content} if origin.ratings else {}),
        },
    )


def read_orders_of(lake: Lake, settled: pd.DataFrame, markets: pd.DataFrame) -> pd.DataFrame:
    """Read the orders that a run's results were made of.

    They lie by variant, archive and chunk; the results name variant, archive and market, and the catalogue a market's
    chunk. A file may hold orders of markets that this run did not select.

    Args:
        lake: The lake.
        settled: Rows of `results/markets`.
        markets: Their rows of `catalogue/markets`, with a column `archive`.

    Returns:
        The columns of `orders` that a report needs.

    Raises:
        LakeError: Orders are missing or no longer those of the run.
    """
    keys = ["archive", "market_id"]
    placed = settled[["strategy", *keys, "orders"]].merge(markets[[*keys, "chunk"]], on=keys, how="left")
    if placed["chunk"].isna().any():
        raise LakeError(
            f"the catalogue in the lake {lake.root} no longer has the run's markets; run the backtest again"
        )
    files = placed[["strategy", "archive", "chunk"]].drop_duplicates()
    tables = [
        lake.read(ORDERS, {"strategy": strategy, "archive": archive, "chunk": int(chunk)}, columns=_ORDER)
        for strategy, archive, chunk in files.itertuples(index=False)
    ]
    empty = ORDERS.schema.empty_table().select(_ORDER)
    orders: pd.DataFrame = pa.concat_tables([empty, *tables]).to_pandas()
    chosen = placed.rename(columns={"strategy": "strategy_name"})[["strategy_name", "market_id"]]
    orders = orders.merge(chosen, on=["strategy_name", "market_id"])
    if len(orders) != settled["orders"].sum():
        raise LakeError(f"orders in the lake {lake.root} were replaced since the run; run the backtest again")
    return orders


def _read_catalogue(lake: Lake, dataset: Dataset, archives: Sequence[str], market_ids: set[str]) -> pd.DataFrame:
    """Read the rows of some markets; of a market that is in several archives the first's."""
    empty = dataset.schema.empty_table().to_pandas()
    rows = [lake.read_all(dataset, {"archive": archive}).to_pandas().assign(archive=archive) for archive in archives]
    everything = pd.concat([empty.assign(archive=""), *rows], ignore_index=True)
    known = everything[everything["market_id"].isin(market_ids)]
    first: pd.DataFrame = known.drop_duplicates(list(dataset.keys), ignore_index=True)
    return first


def _read_ratings(lake: Lake, model: Model | None, markets: pd.DataFrame) -> pd.DataFrame:
    if model is None or markets.empty:
        return pd.DataFrame({"market_id": [], "selection_id": [], "rating": []}).astype(
            {"market_id": "str", "selection_id": "int64", "rating": float}
        )
    ratings = load_ratings(lake, model, markets["market_date"])
    return ratings[ratings["market_id"].isin(markets["market_id"])]


def _archive_fingerprint(lake: Lake, archive: str) -> str:
    at = {"archive": archive}
    files = (lake.find(CATALOGUE_MARKETS, at, name) for name in lake.names(CATALOGUE_MARKETS, at))
    return digest(file.fingerprint.encode() for file in files if file)
