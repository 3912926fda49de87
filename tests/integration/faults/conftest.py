"""Faults, caused for real: a few in `make test`, many in `make chaos`, which also prints what came of them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaos import CHAOS
from lakes import Difference, compare
from served import PATIENCE

from sample.archive import Sample

NONE = Difference(0, 0)

_TALLY = pytest.StashKey[dict[str, list[Difference]]]()

Asked = Callable[..., list[str]]


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(_TALLY, {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table of docs/reliability.md."""
    tally = config.stash[_TALLY]
    if not CHAOS or not tally:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line("| fault | times caused | wrong results | lost rows |\n|---|---:|---:|---:|")
    for fault, found in tally.items():
        wrong, lost = sum(one.wrong > 0 for one in found), sum(one.lost for one in found)
        terminalreporter.write_line(f"| {fault} | {len(found):,} | {wrong} | {lost} |")


@pytest.fixture
def caused(request: pytest.FixtureRequest) -> Callable[[str, Difference], None]:
    """Note that a fault was caused and what came of it; anything wrong or lost fails the test."""

    def caused(fault: str, difference: Difference = NONE) -> None:
        request.config.stash[_TALLY].setdefault(fault, []).append(difference)
        assert difference == NONE, fault

    return caused


@pytest.fixture(scope="session")
def asked(month: Sample) -> Asked:
    """What is asked of every lake: the month in eight chunks, two variants, ratings from the service."""

    def asked(lake: Path, *more: object) -> list[str]:
        variants = ("--strategy", "back_favourite", "--strategy", "rated_price:seconds_to_start=30")
        words = ("run", month.archive, "--ratings", "iggy", *variants, "--lake", lake, "--chunk-bytes", 150_000, *more)
        return [str(word) for word in words]

    return asked


@pytest.fixture(scope="session")
def undisturbed(asked: Asked, ratings_url: str, tmp_path_factory: pytest.TempPathFactory, backtest_json: Any) -> Path:
    """The lake of a run that nothing happened to."""
    lake = tmp_path_factory.mktemp("undisturbed")
    backtest_json(*asked(lake), BACKTEST_RATINGS_URL=ratings_url)
    return lake


@pytest.fixture
def succeed(environment: dict[str, str], ratings_url: str) -> Callable[..., str]:
    """Run a command that is not `backtest` alone, and has to succeed; what it printed."""

    def succeed(*command: object) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            env={**environment, "BACKTEST_RATINGS_URL": ratings_url},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return succeed


@pytest.fixture
def judge(undisturbed: Path, caused: Callable[[str, Difference], None]) -> Callable[[str, Path], None]:
    """Compare a lake with that of an undisturbed run."""
    return lambda fault, lake: caused(fault, compare(lake, undisturbed))
