"""Two runs on one lake at the same moment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import times
from lakes import Difference, compare, leftovers
from served import BACKTEST, PATIENCE

PAIRS = times(1, 10)

IN_THREADS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from flows.backtest import backtest
from flows.parameters import BacktestParameters

asked = [BacktestParameters(**one) for one in json.loads(sys.argv[1])]
with ThreadPoolExecutor(len(asked)) as threads:
    print(json.dumps([report.model_dump(mode="json") for report in threads.map(backtest, asked)]))
"""


@pytest.fixture
def at_once(environment, ratings_url):
    """Run commands at the same moment; what each reported."""

    def at_once(*commands: list[str]) -> list[dict]:
        processes = [
            subprocess.Popen(
                [BACKTEST, *command, "--json"],
                env={**environment, "BACKTEST_RATINGS_URL": ratings_url},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for command in commands
        ]
        ended = [(*process.communicate(timeout=PATIENCE), process.returncode) for process in processes]
        for _, said, status in ended:
            assert status == 0, said
        return [json.loads(out) for out, _, _ in ended]

    return at_once


def check_shared(reports: list[dict], lake: Path) -> None:
    """Check that two runs of the same have the same figures, and that one of them did the work."""
    assert reports[0]["variants"] == reports[1]["variants"]
    for stage in ("extract", "simulate", "aggregate"):
        assert sorted(report["stages"][stage]["cached"] for report in reports) == [False, True], stage
    assert not leftovers(lake)


@pytest.mark.parametrize("number", range(PAIRS))
def test_the_same_twice(number, at_once, asked, tmp_path, judge):
    reports = at_once(asked(tmp_path), asked(tmp_path))
    check_shared(reports, tmp_path)
    judge("two runs at once on one lake, of the same", tmp_path)


@pytest.mark.parametrize("number", range(PAIRS))
def test_different_variants_of_one_archive(number, at_once, asked, tmp_path, undisturbed, caused):
    more = ("--strategy", f"back_favourite:stake={number + 20}")
    reports = at_once(asked(tmp_path), asked(tmp_path, *more))
    assert sorted(report["stages"]["extract"]["cached"] for report in reports) == [False, True]
    assert [len(report["variants"]) for report in reports] == [2, 3]
    assert reports[1]["variants"][:2] == reports[0]["variants"]
    assert not leftovers(tmp_path)
    shared = ("orders", *(f"results/{name}" for name in ("markets", "days", "statistics", "summary")))
    lost, wrong = compare(tmp_path, undisturbed).lost, compare(tmp_path, undisturbed, but=shared).wrong
    caused("two runs at once on one lake, of different variants", Difference(wrong, lost))


@pytest.mark.parametrize("number", range(PAIRS))
def test_different_markets_of_one_archive(number, at_once, asked, month, tmp_path, backtest_json, ratings_url, caused):
    venue = sorted({race.track.venue for race in month.races})[number % 3]
    together, alone = tmp_path / "together", tmp_path / "alone"
    some = ("--venue", venue)
    reports = at_once(asked(together), asked(together, *some))
    expected = [backtest_json(*asked(alone, *which), BACKTEST_RATINGS_URL=ratings_url) for which in ((), some)]
    wrong = [one["variants"] != other["variants"] for one, other in zip(reports, expected, strict=True)]
    assert expected[0]["variants"] != expected[1]["variants"]
    assert not leftovers(together)
    caused("two runs at once on one lake, of different markets", Difference(sum(wrong), 0))


@pytest.mark.parametrize("number", range(PAIRS))
def test_in_threads_of_one_process(number, succeed, month, tmp_path, judge):
    asked = {
        "archives": [str(month.archive)],
        "ratings": "iggy",
        "strategies": [
            {"strategy": "back_favourite"},
            {"strategy": "rated_price", "parameters": {"seconds_to_start": 30}},
        ],
        "lake": str(tmp_path),
        "chunk_bytes": 150_000,
    }
    reports = json.loads(succeed(sys.executable, "-c", IN_THREADS, json.dumps([asked, asked])).splitlines()[-1])
    check_shared(reports, tmp_path)
    judge("two runs at once on one lake, in threads of one process", tmp_path)
