"""Why there is no bet, as a user is told it: refused orders, and what can never bet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_markets import BEGIN, market, write_archive

from tasks.lake.store import Lake

IDS = ["1.200000001", "1.200000002", "1.200000003"]
TOO_LARGE = "Order exposure (…) is greater than strategy.max_order_exposure (…)"
TOO_SMALL = "Order size is less than min bet size (…) or payout (…) for currency"

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a strategy that bets once a market, and an archive of three."""
    folder = tmp_path_factory.mktemp("refused")
    (folder / "mine.py").write_text(BEGIN, encoding="utf-8")
    write_archive(folder / "three.tar", {market_id: market(market_id) for market_id in IDS})
    return folder


@pytest.fixture(scope="module")
def asked(folder: Path) -> list[object]:
    stakes = ["2.0", "20.0", "0.5"]
    strategies = [word for stake in stakes for word in ("--strategy", f"mine:Bets:stake={stake}")]
    return ["run", folder / "three.tar", *strategies, "--window", "all", "--lake", folder / "lake"]


def test_refused_orders_are_told_everywhere(folder: Path, asked: list[object], backtest: Run, backtest_json: Run):
    told = backtest_json(*asked, PYTHONPATH=str(folder))
    _, large, small = (variant["strategy"] for variant in told["variants"])
    assert [variant["refused"] for variant in told["variants"]] == [0, 3, 3]
    assert [variant["orders"] for variant in told["variants"]] == [3, 0, 0]
    rows = [[row[name] for name in ("strategy", "control", "reason", "times", "market_id")] for row in told["refused"]]
    assert rows == [
        [large, "STRATEGY_EXPOSURE", TOO_LARGE, 3, IDS[0]],
        [small, "ORDER_VALIDATION", TOO_SMALL, 3, IDS[0]],
    ]
    verdicts = [
        f"no bets: 3 orders refused (STRATEGY_EXPOSURE: {TOO_LARGE})",
        f"no bets: 3 orders refused (ORDER_VALIDATION: {TOO_SMALL})",
    ]
    assert [row["verdict"] for row in told["statistics"]][1:] == verdicts
    notice = (
        f"{large}: 3 orders were refused in 3 markets by STRATEGY_EXPOSURE: Order exposure (20.0) is greater than "
        f"strategy.max_order_exposure (10); the first was BACK 20.00 at 3 on 11 in {IDS[0]}"
    )
    assert notice in told["notices"]
    assert any("the markets are of 2023-11-14" in said for said in told["notices"])
    shown = backtest("show", "--lake", folder / "lake").stdout
    assert f"{large}: {verdicts[0]}" in shown
    assert f"note: {notice}" in shown
    page = Lake(str(folder / "lake")).page(f"results/report/run={told['run']}/report.html")
    assert page
    assert "Order exposure (20.0) is greater" in Path(page).read_text("utf-8")


def test_of_fewer_markets_fewer_are_counted_and_nothing_is_replayed(
    folder: Path, asked: list[object], backtest_json: Run
):
    backtest_json(*asked, PYTHONPATH=str(folder))
    told = backtest_json(*asked, "--market", IDS[1], PYTHONPATH=str(folder))
    assert told["stages"]["simulate"]["cached"]
    assert [(row["times"], row["market_id"]) for row in told["refused"]] == [(1, IDS[1])] * 2


def test_flumines_own_engine_refuses_the_same_and_a_least_stake_lets_through(
    folder: Path, asked: list[object], backtest_json: Run
):
    told = backtest_json(*asked, "--engine", "flumine", "--min-stake", "0.5", PYTHONPATH=str(folder))
    assert [(variant["refused"], variant["orders"]) for variant in told["variants"]] == [(0, 3), (3, 0), (0, 3)]
    assert not any("least stakes" in said for said in told["notices"])


def test_ratings_without_a_usable_row_end_the_run_in_a_line(folder: Path, backtest: Run):
    (folder / "bad.csv").write_text("market_id,selection_id,rating\n1.3,11,2\n1.2,x,2\n1.2,y,3\n", encoding="utf-8")
    words = ("--strategy", "rated_price", "--ratings", folder / "bad.csv", "--lake", folder / "lake")
    failed = backtest("run", folder / "three.tar", *words, expect=2)
    [line] = [line for line in failed.stderr.splitlines() if line.startswith("error")]
    assert "bad.csv: not one row can be used: not a selection id" in line


def test_the_strategy_that_runs_where_none_was_named_is_named(folder: Path, backtest: Run):
    done = backtest("run", folder / "three.tar", "--lake", folder / "lake")
    assert "no strategy was given: running back_favourite with its defaults" in done.stderr
    early = ("--strategy", "back_favourite:seconds_to_start=300", "--lake", folder / "lake")
    done = backtest("run", folder / "three.tar", *early)
    said = "back_favourite acts from 300 s before the off, but the window 80s begins 80 s before it"
    assert (done.stderr.count(said), done.stdout.count(f"note: {said}")) == (1, 1)
    assert "no strategy" not in done.stderr
