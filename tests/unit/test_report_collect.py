"""What a report reads from the lake, and that it does not take another run's orders for its own."""

import pandas as pd
import pyarrow as pa
import pytest
from made_report import RECORD, make_report
from manifests import keep_manifest

from tasks.aggregation.results import made_of, note_parts
from tasks.errors import InputError, ReplacedOrdersError
from tasks.lake.datasets import (
    CATALOGUE_MARKETS,
    CATALOGUE_RUNNERS,
    ORDERS,
    RATINGS,
    RESULTS_MARKETS,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
    TIME,
)
from tasks.lake.store import Lake
from tasks.orders.files import Part
from tasks.ratings.days import fingerprint_of
from tasks.ratings.predictions import ALL_DAYS
from tasks.rejects import Reject, RejectSource, write_down
from tasks.report.collect import collect
from tasks.report.html import render
from tasks.runs import RunRatings

VARIANTS = ("a-1", "b-2")
RUN = "month-0011aabb"
RATINGS_OF_RUN = RunRatings("predictions-1", "0011", (ALL_DAYS,))


USUAL = {pa.string(): "x", pa.bool_(): False, TIME: pd.Timestamp(0, tz="UTC")}


def table(rows, dataset):
    """Rows of a dataset, what they lack made up."""
    columns = {}
    for field in dataset.schema:
        values = rows[field.name].tolist() if field.name in rows else [None] * len(rows)
        kind = field.type
        if not field.nullable:
            values = [USUAL.get(kind, 0) if pd.isna(value) else value for value in values]
        columns[field.name] = pa.array(values, kind, from_pandas=True)
    return pa.table(columns, schema=dataset.schema)


@pytest.fixture
def report():
    return make_report(VARIANTS, races=20)


@pytest.fixture
def month(lake):
    return keep_manifest(lake, "month", [(1, 20)])


@pytest.fixture
def lake(tmp_path, report):
    lake = Lake(tmp_path)
    lake.write(CATALOGUE_MARKETS.at("month", 1), table(report.markets, CATALOGUE_MARKETS), "p")
    lake.write(CATALOGUE_RUNNERS.at("month", 1), table(report.runners, CATALOGUE_RUNNERS), "p")
    write_summary(lake, report, RUN, [write_orders(lake, report, variant) for variant in VARIANTS])
    for dataset, rows in ((RESULTS_MARKETS, report.settled), (RESULTS_STATISTICS, report.statistics)):
        lake.write(dataset.at(RUN), table(rows, dataset), "3")
    key = RATINGS.at(RATINGS_OF_RUN.name, ALL_DAYS)
    lake.write(key, table(report.ratings, RATINGS), fingerprint_of(RATINGS_OF_RUN, ALL_DAYS))
    write_down(lake, "extract", "month", [Reject("1.3", "never closes")], "data")
    return lake


@pytest.fixture
def selected(lake):
    return lake.read(CATALOGUE_MARKETS.at("month", 1)).to_pandas().assign(archive="month")


def write_orders(lake, report, variant):
    """Write a variant's orders into a file of its own; gives the part that a run takes of it."""
    own = table(report.orders[report.orders["strategy_name"] == variant], ORDERS)
    content = str(own["profit"].to_pylist())
    lake.write(ORDERS.at("2026-01", variant), own, "print", {"content": content})
    return Part("2026-01", variant, content, [variant], own["market_id"].unique().to_pylist())


def write_summary(lake, report, run, parts):
    lake.write(RESULTS_SUMMARY.at(run), table(report.summary, RESULTS_SUMMARY), "4", notes=note_parts(parts))


def test_all_of_a_run_is_read(lake, report, selected, month):
    rejects = (RejectSource("extract", "month", ("data",)),)
    read = collect(lake, RECORD.model_copy(update={"ratings": RATINGS_OF_RUN, "rejects": rejects}), selected, [month])
    assert len(read.orders) == len(report.orders)
    assert len(read.markets) == 20
    assert len(read.runners) == len(read.ratings) == 160
    assert read.rejects[0]["reason"] == "never closes"
    assert read.provenance["results"] == made_of(lake.find(RESULTS_SUMMARY.at(RUN)))
    assert read.provenance[f"ratings {RATINGS_OF_RUN.name}"] == "0011"
    assert "never closes" in render(read)


def test_a_market_is_told_of_by_the_archive_that_it_was_taken_from(lake, report, selected, month):
    other = report.runners.assign(status="LOSER")
    more = report.runners.head(1).assign(selection_id=99)
    older = keep_manifest(lake, "older", [(1, 20)])
    lake.write(CATALOGUE_MARKETS.at("older", 1), table(report.markets.assign(venue="x"), CATALOGUE_MARKETS), "p")
    lake.write(CATALOGUE_RUNNERS.at("older", 1), table(pd.concat([other, more]), CATALOGUE_RUNNERS), "p")
    read = collect(lake, RECORD, selected, [older, month])
    alone = collect(lake, RECORD, selected, [month])
    pd.testing.assert_frame_equal(read.runners, alone.runners)
    pd.testing.assert_frame_equal(read.orders, alone.orders)


def test_a_run_on_fewer_markets_finds_its_orders_among_others(lake, report, selected, month):
    some = report.settled[report.settled["market_id"] <= "1.200000009"]
    lake.write(RESULTS_MARKETS.at("less-1"), table(some, RESULTS_MARKETS), "6")
    parts = [write_orders(lake, report, variant)._replace(markets=list(some["market_id"])) for variant in VARIANTS]
    write_summary(lake, report, "less-1", parts)
    read = collect(lake, RECORD.model_copy(update={"run": "less-1"}), selected, [month])
    assert len(read.orders) == some["orders"].sum() < len(report.orders)
    assert read.statistics.empty
    assert read.ratings.empty


def test_orders_that_were_replaced_since(lake, report, selected, month):
    other = make_report(VARIANTS, races=10)
    write_orders(lake, other, "b-2")
    with pytest.raises(ReplacedOrdersError, match="were deleted or replaced since the run; run the backtest again"):
        collect(lake, RECORD, selected, [month])


def test_orders_that_are_gone(lake, report, selected, month):
    lake.delete(ORDERS.at("2026-01", "a-1"))
    with pytest.raises(ReplacedOrdersError, match="were deleted or replaced since the run; run the backtest again"):
        collect(lake, RECORD, selected, [month])


def test_a_run_that_never_was(lake, report, selected, month):
    with pytest.raises(InputError, match="no run other"):
        collect(lake, RECORD.model_copy(update={"run": "other"}), selected, [month])
