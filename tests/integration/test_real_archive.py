"""The main job on a real archive: the same orders and the same money as plain flumine."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from golden_orders import (
    ARCHIVE,
    PREDICTIONS,
    VARIANTS,
    assert_same_orders,
    assert_same_summary,
    expected_orders,
    lake_orders,
)
from settled_by_sql import ACCOUNT, COUNTS, SUMMARY, fates, in_cents, ratios

from sample.server import serve

# What the extract stage looks for before it says Cached.
EXTRACTED = ("archives", "manifests", "markets", "windows", "catalogue", "rejects")

ALL = [*(word for variant in VARIANTS.values() for word in ("--strategy", variant)), "--together"]

BacktestJson = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def report(data: Path, lake: Path, backtest_json: BacktestJson) -> dict[str, Any]:
    """All variants in one replay."""
    return backtest_json("run", data / ARCHIVE, "--ratings", data / PREDICTIONS, *ALL, "--lake", lake)


@pytest.fixture(scope="module")
def expected_summary(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "expected" / "summary.csv", index_col="variant")


@pytest.mark.parametrize("golden", VARIANTS)
def test_orders_are_those_of_plain_flumine(golden, data, lake, report):
    variant = report["variants"][list(VARIANTS).index(golden)]
    assert_same_orders(lake_orders(lake, variant["strategy"]), expected_orders(data, golden))


@pytest.mark.parametrize("golden", VARIANTS)
def test_money_is_that_of_plain_flumine(golden, report, expected_summary):
    assert_same_summary(report["variants"][list(VARIANTS).index(golden)], expected_summary.loc[golden])


def test_money_is_what_sql_makes_of_orders_and_catalogue(lake, report):
    with duckdb.connect() as connection:
        for name, folder in (("orders", "orders"), ("markets", "catalogue/markets"), ("runners", "catalogue/runners")):
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{lake}/{folder}/**/*.parquet')")
        found, account = (
            connection.sql(query.format(discount=0)).df().to_dict("records") for query in (SUMMARY, ACCOUNT)
        )
        counted = connection.sql(COUNTS).df().to_dict("records")
        [selected] = connection.sql("SELECT count(*) FROM markets WHERE market_type = 'WIN'").fetchall()
    assert [(row["replayed"],) for row in report["variants"]] == [selected] * len(VARIANTS)
    assert fates(counted) == fates(report["variants"])
    by_us = ratios(report["variants"])
    assert {name: pytest.approx(both) for name, both in ratios(found).items()} == by_us
    assert in_cents(found) == in_cents(report["variants"])
    assert in_cents(account) == in_cents([report["account"]])
    assert report["account"]["net"] == pytest.approx(report["account"]["gross"] - report["account"]["commission"])


def test_json_tells_what_each_stage_did(report):
    assert report["run"].startswith("2022_03_MarGreyhoundsPro-")
    assert list(report["stages"]) == ["extract", "ratings", "simulate", "aggregate"]
    for stage in report["stages"].values():
        assert set(stage) == {"seconds", "cached", "in", "out", "rejected"}
        assert stage["in"] == stage["out"] + stage["rejected"]
        assert not stage["cached"]
    counts = {name: (stage["in"], stage["out"]) for name, stage in report["stages"].items()}
    assert counts == {
        "extract": (33, 33),
        "ratings": (25545, 135),
        "simulate": (33, 33),
        "aggregate": (410, 410),
    }


def test_a_second_run_does_nothing(data, lake, report, backtest_json):
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}
    again = backtest_json("run", data / ARCHIVE, "--ratings", data / PREDICTIONS, *ALL, "--lake", lake)
    assert all(stage["cached"] for stage in again["stages"].values())
    assert again["variants"] == report["variants"]
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")} == before


@pytest.mark.parametrize("golden", VARIANTS)
def test_a_variant_alone_bets_as_in_company(golden, data, lake, report, tmp_path, backtest_json):
    for dataset in (*EXTRACTED, "ratings"):
        shutil.copytree(lake / dataset, tmp_path / dataset)
    alone = backtest_json(
        *("run", data / ARCHIVE, "--ratings", data / PREDICTIONS, "--strategy", VARIANTS[golden], "--lake", tmp_path)
    )
    in_company = report["variants"][list(VARIANTS).index(golden)]
    assert alone["variants"] == [in_company]
    [chance], others = alone["statistics"], {row["strategy"]: row for row in report["statistics"]}
    for end in ("net_low", "net_high", "roi_low", "roi_high", "p"):
        assert chance[end] == pytest.approx(others[in_company["strategy"]][end], nan_ok=True), end
    assert alone["stages"]["extract"]["cached"]
    assert not alone["stages"]["simulate"]["cached"]
    assert_same_orders(lake_orders(tmp_path, in_company["strategy"]), lake_orders(lake, in_company["strategy"]))


def test_the_iggy_service_gives_its_orders(data, lake, report, tmp_path, backtest_json, expected_summary):
    for dataset in EXTRACTED:
        shutil.copytree(lake / dataset, tmp_path / dataset)
    with serve(data / "iggy") as url:
        asked = ("run", data / ARCHIVE, "--ratings", "iggy", "--strategy", "rated_price", "--lake", tmp_path)
        first = backtest_json(*asked, BACKTEST_RATINGS_URL=url)
    again = backtest_json(*asked, BACKTEST_RATINGS_URL=url)  # the server is gone: nothing is fetched twice
    assert again["stages"]["ratings"]["cached"]
    (variant,) = first["variants"]
    assert_same_orders(lake_orders(tmp_path, variant["strategy"]), expected_orders(data, "iggy_flat_60"))
    assert_same_summary(variant, expected_summary.loc["iggy_flat_60"])


def test_filters_choose_markets_before_any_replay(data, lake, report, tmp_path, backtest_json):
    for dataset in EXTRACTED:
        shutil.copytree(lake / dataset, tmp_path / dataset)
    one_day = ("--from", "2022-03-02", "--to", "2022-03-02")
    asked = ("run", data / ARCHIVE, "--lake", tmp_path, "--country", "au", *one_day)
    chosen = backtest_json(*asked)
    assert chosen["stages"]["simulate"]["in"] == 12
    assert backtest_json(*asked, "--market-type", "ALL")["stages"]["simulate"]["in"] > 12


def test_flumines_own_engine_gives_the_same(data, lake, report, tmp_path, backtest_json):
    for dataset in (*(name for name in EXTRACTED if name != "windows"), "ratings"):
        shutil.copytree(lake / dataset, tmp_path / dataset)
    asked = [word for variant in VARIANTS.values() for word in ("--strategy", variant)]
    theirs = backtest_json(
        *("run", data / ARCHIVE, "--ratings", data / PREDICTIONS, *asked, "--engine", "flumine", "--lake", tmp_path)
    )
    assert not (tmp_path / "windows").exists(), "nothing was compressed for it"
    for ours, own in zip(report["variants"], theirs["variants"], strict=True):
        assert_same_orders(lake_orders(lake, ours["strategy"]), lake_orders(tmp_path, own["strategy"]))
        assert {**own, "strategy": ours["strategy"]} == ours


def test_another_window_is_folded_when_a_replay_asks_for_it(data, lake, report, backtest_json):
    wider = backtest_json("run", data / ARCHIVE, "--window", "preoff", "--lake", lake)
    (variant,) = wider["variants"]
    assert wider["stages"]["extract"]["cached"]
    assert list((lake / "windows" / "window=preoff").rglob("*.parquet"))
    # The favourite is backed in the last minute, which both windows hold.
    assert_same_orders(lake_orders(lake, variant["strategy"]), lake_orders(lake, report["variants"][0]["strategy"]))


def test_other_types_are_extracted_once_somebody_asks_for_them(data, lake, report, tmp_path, backtest, backtest_json):
    for dataset in EXTRACTED:
        shutil.copytree(lake / dataset, tmp_path / "some" / dataset)
    both = ("--market-type", "WIN", "--market-type", "PLACE")

    def run(folder: str, *words: str) -> dict[str, Any]:
        return backtest_json("run", data / ARCHIVE, "--lake", tmp_path / folder, *words)

    place = run("some", "--market-type", "PLACE")
    assert (place["stages"]["extract"]["in"], place["stages"]["simulate"]["in"]) == (33, 33)
    assert any("69 markets of other types not extracted for this run (33 WIN," in said for said in place["notices"])
    of_some = run("some", *both)
    assert of_some["stages"]["extract"]["cached"]
    whole = backtest_json("extract", data / ARCHIVE, "--lake", tmp_path / "whole")
    assert (whole["in"], whole["out"]) == (102, 102)
    of_whole = run("whole", *both)
    assert of_whole["stages"]["extract"]["cached"]
    differing = {"lake", "stages", "page"}
    assert {name: said for name, said in of_some.items() if name not in differing} == {
        name: said for name, said in of_whole.items() if name not in differing
    }
    said = backtest("check", "--lake", tmp_path / "some").stdout
    assert "36 members not extracted, since no run asked for their type: 12 EXACTA, 12 MATCH_BET, 12 QUINELLA" in said
    assert "not extracted" not in backtest("check", "--lake", tmp_path / "whole").stdout
