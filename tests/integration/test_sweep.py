"""Sweeps as a user runs them: every combination in one run, and of a larger one only what is new is replayed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sample.archive import Sample

BacktestJson = Callable[..., dict[str, Any]]

SMALL = {"seconds_to_start": "30,60", "staking": "flat,proportional"}
LARGE = {**SMALL, "min_edge": "0,0.2"}


def asked(month: Sample, lake: Path) -> tuple[object, ...]:
    return (month.archive, "--ratings", "iggy", "--lake", lake, "--chunk-bytes", 100_000)


def sets(grid: dict[str, str]) -> list[str]:
    return [word for name, values in grid.items() for word in ("--set", f"{name}={values}")]


def replayed(lake: Path) -> dict[str, int]:
    """When each file of orders was written."""
    return {str(path.relative_to(lake)): path.stat().st_mtime_ns for path in lake.glob("orders/**/*.parquet")}


def orders(lake: Path, variant: str) -> list[tuple[object, ...]]:
    files = f"read_parquet('{lake}/orders/**/*.parquet')"
    query = f"SELECT * FROM {files} WHERE strategy_name = '{variant}' ORDER BY ALL"  # noqa: S608 - a test's own words
    return duckdb.sql(query).fetchall()


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def small(month, ratings_url, lake, backtest_json) -> dict[str, Any]:
    words = ("--strategy", "rated_price", *sets(SMALL))
    return backtest_json("sweep", *asked(month, lake), *words, BACKTEST_RATINGS_URL=ratings_url)


def test_every_combination_is_a_variant(small):
    told = [(v["parameters"]["seconds_to_start"], v["parameters"]["staking"]) for v in small["variants"]]
    assert told == [(30, "flat"), (30, "proportional"), (60, "flat"), (60, "proportional")]
    assert len({variant["strategy"] for variant in small["variants"]}) == 4
    assert list(small["stages"]) == ["extract", "ratings", "simulate", "aggregate"]


def test_what_was_best_before_a_day_is_judged_from_then_on(small, month, ratings_url, lake, backtest_json):
    words = (*asked(month, lake), "--strategy", "rated_price", *sets(SMALL))
    day = str(month.races[len(month.races) // 2].market_time.date())
    divided = backtest_json("sweep", *words, "--split", day, BACKTEST_RATINGS_URL=ratings_url)
    assert {name: stage["cached"] for name, stage in divided["stages"].items()} == {
        "extract": True,
        "ratings": True,
        "simulate": True,
        "aggregate": False,
    }
    assert divided["run"] != small["run"]
    assert divided["variants"] == small["variants"]
    net = {(row["part"], row["strategy"]): row["net"] for row in divided["split"]}
    assert len(net) == 8
    for variant in small["variants"]:
        sides = (net[part, variant["strategy"]] for part in ("first", "second"))
        assert sum(sides) == pytest.approx(variant["net"], abs=0.02)
    [sentence] = divided["out_of_sample"]
    assert sentence.startswith(f"out of sample from {day}: rated_price-")
    assert f"Out of sample from {day}: rated_price · " in Path(divided["page"]).read_text(encoding="utf-8")


def test_a_day_with_nothing_before_it_gets_one_line(small, month, ratings_url, lake, backtest):
    words = ("sweep", *asked(month, lake), "--strategy", "rated_price", *sets(SMALL), "--split", "2020-01-01")
    done = backtest(*words, expect=2, BACKTEST_RATINGS_URL=ratings_url)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: split 2020-01-01: nothing would be on one side of it; the races are of 2026-01-")


def test_a_variant_alone_bets_as_in_the_sweep(small, month, ratings_url, lake, tmp_path, backtest_json):
    words = ("--strategy", "rated_price:seconds_to_start=30,staking=proportional")
    alone = backtest_json("run", *asked(month, tmp_path), *words, BACKTEST_RATINGS_URL=ratings_url)
    assert alone["variants"] == [small["variants"][1]]
    variant = small["variants"][1]["strategy"]
    assert orders(lake, variant)
    assert orders(tmp_path, variant) == orders(lake, variant)


def test_of_a_larger_sweep_only_what_is_new_is_replayed(small, month, ratings_url, lake, backtest_json):
    before = replayed(lake)
    words = ("--strategy", "rated_price", *sets(LARGE))
    large = backtest_json("sweep", *asked(month, lake), *words, BACKTEST_RATINGS_URL=ratings_url)
    after = replayed(lake)
    assert {name: after[name] for name in before} == before
    assert len(after) == 2 * len(before)
    assert large["stages"]["extract"]["cached"]
    assert not large["stages"]["simulate"]["cached"]
    # The default of min_edge is 0, so these four are the small sweep's.
    assert large["variants"][::2] == small["variants"]
    assert large["run"] != small["run"]

    again = backtest_json("sweep", *asked(month, lake), *words, BACKTEST_RATINGS_URL=ratings_url)
    assert all(stage["cached"] for stage in again["stages"].values())
    assert again["variants"] == large["variants"]
    assert replayed(lake) == after


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "stake=1,2"], "0 were given; give one --strategy"),
        (["--strategy", "back_favourite", "--strategy", "rated_price", "--set", "stake=1"], "2 were given"),
        (["--strategy", "back_favourite"], "--set seconds_to_start=15,30"),
        (["--strategy", "back_favourite", "--set", "stake"], "--set stake: 'stake' is not key=value"),
        (["--strategy", "back_favourite", "--set", "stake="], "'stake=' sweeps nothing"),
        (["--strategy", "back_favourite", "--set", "stake=1,[2"], "stake: '[2' begins like JSON"),
        (["--strategy", "back_favourite", "--set", "stak=1,2"], "Its parameters are"),
        (["--strategy", "back_favourite", "--set", "stake=1,none"], "stake=none: back_favourite: stake"),
        (["--strategy", "back_favourite:stake=1", "--set", "stake=1,2"], "stake is given 2 times"),
        (["--strategy", "back_favorite", "--set", "stake=1,2"], "did you mean back_favourite?"),
        (["--strategy", "rated_price", "--set", "stake=1,2"], "given none"),
    ],
)
def test_bad_input_gets_one_line(words, said, month, tmp_path, backtest):
    done = backtest("sweep", month.archive, *words, "--lake", tmp_path / "lake", expect=2)
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert not done.stdout
    assert not (tmp_path / "lake").exists(), "nothing was written"


def test_only_a_sweep_takes_values_to_combine(month, backtest):
    refused = backtest("run", month.archive, "--set", "stake=1,2", expect=2)
    assert "No such option: --set" in refused.stderr


def test_the_same_from_the_ui(served, month):
    parameters = {
        "archives": [str(month.archive)],
        "strategy": "back_favourite",
        "grid": [{"parameter": "stake", "values": "2, 4"}, {"parameter": "seconds_to_start", "values": "30"}],
        "chunk_bytes": 150_000,
    }
    run = served.run("sweep/sweep", parameters=parameters)
    assert run["state_name"] == "Completed", run["state"]["message"]
    backtest = next(run for run in served.runs("backtest") if run["parent_task_run_id"])  # the latest
    choices = backtest["parameters"]["parameters"]["strategies"]
    assert [choice["parameters"] for choice in choices] == [
        {"stake": "2", "seconds_to_start": "30"},
        {"stake": "4", "seconds_to_start": "30"},
    ]
    refused = served.start_run("sweep/sweep", parameters={**parameters, "strategy": "back_favorite"})
    assert "id" not in refused
    assert "back_favourite" in refused["detail"]
