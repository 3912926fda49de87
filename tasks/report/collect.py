"""Read a report's data from the lake; `html.py` renders it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tasks.aggregation.results import NOTICES, made_of, parts_of, read_orders
from tasks.aggregation.withdrawals import concerned
from tasks.aggregation.worth import value
from tasks.archives.catalogue import read_runners
from tasks.archives.manifest import Manifest
from tasks.errors import InputError
from tasks.lake.datasets import (
    RESULTS_ACCOUNT,
    RESULTS_ACCOUNT_MARKETS,
    RESULTS_MARKETS,
    RESULTS_REFUSED,
    RESULTS_SPLIT,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
)
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake
from tasks.ratings.days import load_ratings
from tasks.rejects import Reject, count_rejects
from tasks.report.drawing import Floats
from tasks.runs import RunRatings, RunRecord

# Raise it when the page's content changes.
VERSION = 5


def page_key(record: RunRecord, rejects: Sequence[Mapping[str, object]]) -> str:
    """Return a fingerprint, stored in the page, of what it depends on besides the run's results.

    Args:
        rejects: The run's, counted.
    """
    ratings = record.ratings and record.ratings.content
    return fingerprint("report", version=VERSION, command=record.command, ratings=ratings, rejects=list(rejects))


@dataclass(frozen=True)
class ReportData:
    """The data of a run's report.

    Attributes:
        record: The run's request.
        summary: Rows of `results/summary`.
        settled: Rows of `results/markets`.
        orders: Their rows of `orders`.
        markets: Rows of `catalogue/markets`, at least those with orders.
        runners: Rows of `catalogue/runners`, of those markets.
        ratings: market_id, selection_id, rating, of those markets; empty without a model.
        statistics: Rows of `results/statistics`; empty if the run has none.
        split: Rows of `results/split`; empty if the races were not divided.
        rejects: From `count_rejects`.
        notices: What to know before relying on the figures.
        provenance: The sources of the results, with their versions or fingerprints.
        draws: Bootstrap nets by variant id, and the account's; may be empty.
        refused: Rows of `results/refused`.
        account: The row of `results/account`; empty unless variants share an account.
        account_settled: Rows of `results/account_markets`.
        unsettled: By variant, the markets where one of its bets cannot be settled.
    """

    record: RunRecord
    summary: pd.DataFrame
    settled: pd.DataFrame
    orders: pd.DataFrame
    markets: pd.DataFrame
    runners: pd.DataFrame
    ratings: pd.DataFrame
    statistics: pd.DataFrame
    split: pd.DataFrame
    rejects: Sequence[Mapping[str, object]]
    notices: Sequence[str]
    provenance: Mapping[str, str]
    draws: Mapping[str, Floats] = field(default_factory=dict)
    refused: Sequence[Mapping[str, Any]] = ()
    account: pd.DataFrame = field(default_factory=pd.DataFrame)
    account_settled: pd.DataFrame = field(default_factory=pd.DataFrame)
    unsettled: Mapping[str, Sequence[Reject]] = field(default_factory=dict)


def collect(lake: Lake, record: RunRecord, selected: pd.DataFrame, archives: Sequence[Manifest]) -> ReportData:
    """Read the data of a run's report, without `draws`: the lake does not store them, so the caller adds them.

    Args:
        selected: The run's rows of the catalogue, with the column `archive`.
        archives: The manifests of its archives.

    Raises:
        InputError: The run has no results in the lake.
        ReplacedOrdersError: The run's orders are no longer in the lake; run the backtest again.
    """
    run = record.run
    results = lake.find(RESULTS_SUMMARY.at(run))
    if results is None:
        raise InputError(f"no run {run} in the lake {lake.root}")
    settled: pd.DataFrame = lake.read(RESULTS_MARKETS.at(run)).to_pandas()
    orders = read_orders(lake, parts_of(results))
    session = record.parameters["session"]
    of_sessions = concerned(orders, selected, session)
    of_runners = read_runners(lake, archives, of_sessions)
    valued = value(orders, of_sessions, of_runners, session)
    markets, runners = (
        rows[rows["market_id"].isin(orders["market_id"])].reset_index(drop=True) for rows in (of_sessions, of_runners)
    )
    return ReportData(
        record=record,
        summary=lake.read(RESULTS_SUMMARY.at(run)).to_pandas(),
        settled=settled,
        orders=valued.orders,
        unsettled=valued.rejects,
        markets=markets,
        runners=runners,
        ratings=_read_ratings(lake, record.ratings, markets),
        statistics=lake.read_all(RESULTS_STATISTICS.at(run).folder).to_pandas(),
        split=lake.read_all(RESULTS_SPLIT.at(run).folder).to_pandas(),
        rejects=count_rejects(lake, record.rejects),
        notices=json.loads(results.notes.get(NOTICES, "[]")),
        refused=lake.read_all(RESULTS_REFUSED.at(run).folder).to_pylist(),
        account=lake.read_all(RESULTS_ACCOUNT.at(run).folder).to_pandas(),
        account_settled=lake.read_all(RESULTS_ACCOUNT_MARKETS.at(run).folder).to_pandas(),
        provenance={
            **record.versions,
            "results": made_of(results),
            **{f"archive {archive.name}": archive.content for archive in record.archives},
            **({f"ratings {record.ratings.name}": record.ratings.content} if record.ratings else {}),
        },
    )


def _read_ratings(lake: Lake, source: RunRatings | None, markets: pd.DataFrame) -> pd.DataFrame:
    if source is None or markets.empty:
        return pd.DataFrame({"market_id": [], "selection_id": [], "rating": []}).astype(
            {"market_id": "str", "selection_id": "int64", "rating": float}
        )
    return load_ratings(lake, source, source.days, markets)
