"""Archives that arrive: the inbox looked through against a real Prefect server, and what it tells automations."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from served import PATIENCE, until

from sample.archive import Sample, write_archive

PROJECT = Path(__file__).resolve().parents[2]

# A process of its own, as a worker has one, for all looks: Prefect and flumine take seconds to import. A line in is
# what to run, a line out what the flow returned or raised.
LOOKS = """
import json, sys
from importlib import import_module
from flows.command_line.terminal import use_prefect_quietly
use_prefect_quietly()
from flows.inbox import InboxParameters
for line in sys.stdin:
    flow, parameters = json.loads(line)
    try:
        said = getattr(import_module(f"flows.{flow}"), flow)(InboxParameters(**parameters)).model_dump()
    except Exception as error:
        said = {"error": type(error).__name__, "text": str(error)}
    print(json.dumps(said), flush=True)
"""

Look = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(month: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inbox: two months, of which the later by name is the older, and all that else may lie there."""
    folder = tmp_path_factory.mktemp("arrivals")
    inbox = folder / "inbox"
    inbox.mkdir()
    write_archive(inbox / "older.tar", month.races[:6], seed=2026)
    write_archive(inbox / "newer.tar", month.races[6:12], seed=2026)
    whole = (inbox / "older.tar").read_bytes()
    (inbox / "broken.tar").write_bytes(whole[:20_000])
    (inbox / "arriving.tar").write_bytes(whole[:30_000])
    with tarfile.open(inbox / "strange.tar", "w") as archive:
        archive.add(PROJECT / "README.md", "PRO/README.md")
    for minutes, name in ((90, "broken"), (50, "older"), (40, "strange"), (30, "newer")):
        then = time.time() - 60 * minutes
        os.utime(inbox / f"{name}.tar", (then, then))
    (inbox / "notes.txt").write_text("mine")
    # Whoever opens it waits for ever; and what leads out of the inbox is nobody's to take.
    os.mkfifo(inbox / "pipe.tar")
    (inbox / "linked.tar").symlink_to(month.archive)
    return folder


@pytest.fixture(scope="module")
def look(folder: Path, environment: dict[str, str], ratings_url: str) -> Iterator[Look]:
    """Run a flow on the inbox."""
    noise = folder / "noise.txt"
    with (
        noise.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", LOOKS],
            env={**environment, "BACKTEST_RATINGS_URL": ratings_url},
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):

        def look(flow: str, **asked: Any) -> dict[str, Any]:
            inbox, lake = str(folder / "inbox"), str(folder / "lake")
            parameters = {"inbox": inbox, "lake": lake, "ratings": "iggy", "settle_seconds": 0, **asked}
            process.stdin.write(json.dumps([flow, parameters]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, noise.read_text()
            return json.loads(answer)

        yield look
        process.stdin.close()
        process.wait(PATIENCE)
    assert "Traceback" not in noise.read_text()


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    return {Path(archive["archive"]).stem: archive["outcome"] for archive in record["archives"]}


def emitted(server: str, name: str, folder: Path, expected: int) -> list[dict[str, Any]]:
    """Events of a name that are about a folder, oldest first; the server takes a moment to store them."""
    wanted = {"filter": {"event": {"name": [name]}, "order": "ASC"}, "limit": 50}

    def found() -> list[dict[str, Any]]:
        events = requests.post(f"{server}/events/filter", json=wanted, timeout=PATIENCE).json()["events"]
        return [event for event in events if str(folder) in json.dumps(event)]

    until(lambda: len(found()) >= expected)
    return found()


def runs_of(server: str, flow: str) -> list[dict[str, Any]]:
    """Runs of a flow, oldest first."""
    wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"}
    runs: list[dict[str, Any]] = requests.post(f"{server}/flow_runs/filter", json=wanted, timeout=PATIENCE).json()
    return runs


def inbox_artifact(server: str) -> list[dict[str, str]]:
    wanted = {"artifacts": {"key": {"any_": ["inbox"]}}}
    (latest,) = requests.post(f"{server}/artifacts/latest/filter", json=wanted, timeout=PATIENCE).json()
    rows: list[dict[str, str]] = json.loads(latest["data"])
    return rows


def written(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (folder / "lake").rglob("*.parquet")}


@pytest.fixture(scope="module")
def announced(look: Look) -> dict[str, Any]:
    return look("arrivals")


@pytest.fixture(scope="module")
def taken(announced: dict[str, Any], look: Look) -> dict[str, Any]:
    return look("monthly")


def test_what_is_whole_is_announced_with_what_is_to_be_run(announced, folder, server):
    assert outcomes(announced) == {
        "pipe": "broken",
        "linked": "broken",
        "broken": "broken",
        "older": "announced",
        "strange": "announced",
        "newer": "announced",
        "arriving": "still arriving",
    }
    older, strange, newer = emitted(server, "betfair.archive.arrived", folder, 3)
    address = f"{folder}/inbox/older.tar"
    assert older["resource"] == {
        "prefect.resource.id": "betfair.archive.older",
        "prefect.resource.name": "older",
        "betfair.archive.address": address,
        "backtest.by": "automation",
    }
    assert older["payload"]["bytes"] == Path(address).stat().st_size
    assert older["payload"]["parameters"]["archives"] == [address]
    assert older["payload"]["parameters"]["ratings"] == "iggy"
    assert [event["payload"]["archive"] for event in (older, strange, newer)] == ["older", "strange", "newer"]
    assert {path.relative_to(folder / "lake").parts[0] for path in written(folder)} == {"arrivals"}


def test_what_was_announced_is_not_announced_again_unless_it_is_asked_something_else(announced, folder, look, server):
    assert set(outcomes(look("arrivals")).values()) == {"broken", "announced before", "still arriving"}
    os.utime(folder / "inbox" / "newer.tar")
    again = outcomes(look("arrivals"))
    assert {name for name, outcome in again.items() if outcome == "announced"} == {"newer"}
    assert len(emitted(server, "betfair.archive.arrived", folder, 4)) == 4


def test_each_is_backtested_oldest_first_and_trouble_is_named(taken, folder, server):
    assert taken["error"] == "StageError"
    assert "\n" not in taken["text"]
    said_of = {
        "broken": "copy it again",
        "strange": "no market can be replayed",
        "pipe": "a pipe, a socket",
        "linked": "a link, which",
    }
    for name, said in said_of.items():
        assert f"{folder}/inbox/{name}.tar: " in taken["text"]
        assert said in taken["text"]
    for name in ("older", "newer", "arriving"):
        assert f"{name}.tar" not in taken["text"]

    rows = [(Path(row["archive"]).stem, row["outcome"]) for row in inbox_artifact(server)]
    assert dict(rows) == {
        "pipe": "broken",
        "linked": "broken",
        "broken": "broken",
        "older": "done",
        "strange": "failed",
        "newer": "done",
        "arriving": "still arriving",
    }
    (run,) = runs_of(server, "monthly")
    assert run["state_name"] == "Failed"
    assert "broken.tar" in run["state"]["message"]
    asked = [(run["parameters"]["parameters"]["archives"], run["state_name"]) for run in runs_of(server, "backtest")]
    assert [entry for entry in asked if str(folder) in entry[0][0]] == [
        ([f"{folder}/inbox/older.tar"], "Completed"),
        ([f"{folder}/inbox/strange.tar"], "Failed"),
        ([f"{folder}/inbox/newer.tar"], "Completed"),
    ]
    arrived = emitted(server, "betfair.archive.arrived", folder, 7)
    by_monthly = [event["payload"]["archive"] for event in arrived if event["resource"]["backtest.by"] == "monthly"]
    assert by_monthly == ["older", "strange", "newer"]


def test_a_second_look_does_only_what_is_missing(taken, folder, look, server):
    for name in ("strange", "broken", "pipe", "linked"):
        (folder / "inbox" / f"{name}.tar").unlink()
    before = written(folder)
    gone = next(path for path in before if path.match("results/summary/run=newer-*/data.parquet"))
    gone.unlink()
    assert outcomes(look("monthly")) == {"older": "up to date", "newer": "done", "arriving": "still arriving"}
    after = written(folder)
    assert {path for path in after if after[path] != before.get(path)} >= {gone}
    assert {path.relative_to(folder / "lake").parts[0] for path in after if after[path] != before[path]} == {"results"}

    (folder / "inbox" / "arriving.tar").unlink()
    assert outcomes(look("monthly")) == {"older": "up to date", "newer": "up to date"}
    assert written(folder) == after
    assert [run["state_name"] for run in runs_of(server, "monthly")][-2:] == ["Completed", "Completed"]


def test_a_wrong_profile_is_refused_before_anything_is_looked_at(taken, look, server):
    backtests = len(runs_of(server, "backtest"))
    refused = look("monthly", ratings="no.csv")
    assert refused["error"] == "RatingsFileError"
    assert refused["text"].startswith("no.csv: no such ratings")
    assert len(runs_of(server, "backtest")) == backtests


def test_no_inbox_is_made_and_there_is_nothing_to_do(look, tmp_path):
    assert look("monthly", inbox=str(tmp_path / "new"))["archives"] == []
    assert (tmp_path / "new").is_dir()


def test_one_that_was_copied_over_is_announced_again_though_size_and_time_are_the_same(folder, look, tmp_path):
    asked = {"inbox": str(tmp_path / "inbox"), "lake": str(tmp_path / "lake")}
    (tmp_path / "inbox").mkdir()
    month = Path(shutil.copy2(folder / "inbox" / "older.tar", tmp_path / "inbox"))
    assert [outcomes(look("arrivals", **asked)) for _ in range(2)] == [
        {"older": "announced"},
        {"older": "announced before"},
    ]
    other = Path(shutil.copy2(month, tmp_path / "other.tar"))
    other.replace(month)
    assert outcomes(look("arrivals", **asked)) == {"older": "announced"}


def test_it_is_done_again_without_a_report_and_with_ratings_published_since(look, month, tmp_path):
    asked = {"inbox": str(tmp_path / "inbox"), "lake": str(tmp_path / "lake")}
    (tmp_path / "inbox").mkdir()
    write_archive(tmp_path / "inbox" / "older.tar", month.races[::20], seed=2026)
    day = min(month.ratings.glob("*.csv"))
    published = day.read_text("utf-8")
    day.write_text("", "utf-8")
    try:
        assert [outcomes(look("monthly", **asked)) for _ in range(2)] == [{"older": "done"}, {"older": "up to date"}]
    finally:
        day.write_text(published, "utf-8")
    for outcome in ("done", "up to date"):
        assert outcomes(look("monthly", **asked)) == {"older": outcome}
    [page] = (tmp_path / "lake").rglob("report.html")
    page.unlink()
    assert outcomes(look("monthly", **asked)) == {"older": "done"}
    assert page.exists()


ANNOUNCE = """
from flows.events import announce_completed, announce_failed
from flows.backtest_report import BacktestReport
from tasks.errors import ReplayError
archives = ["{folder}/2026_01_Jan.tar", "{folder}/2026_02_Feb.tar.gz"]
report = BacktestReport(run="2026_01_Jan-1", lake="{folder}", variants=[dict(strategy="mine-1", net=1.5)])
announce_completed(report, archives)
announce_failed(ReplayError("mine-1 raised\\nTraceback"), archives)
"""


def test_how_a_backtest_ended_is_announced(server, environment, tmp_path):
    subprocess.run(
        [sys.executable, "-c", ANNOUNCE.format(folder=tmp_path)],
        env=environment,
        cwd=PROJECT,
        check=True,
        timeout=PATIENCE,
    )
    (completed,) = emitted(server, "backtest.completed", tmp_path, 1)
    (failed,) = emitted(server, "backtest.failed", tmp_path, 1)
    for event in (completed, failed):
        assert event["resource"]["prefect.resource.id"] == "betfair.backtest"
        related = [(r["prefect.resource.id"], r["prefect.resource.role"]) for r in event["related"]]
        assert related == [("betfair.archive.2026_01_Jan", "archive"), ("betfair.archive.2026_02_Feb", "archive")]
        assert event["payload"]["archives"] == [f"{tmp_path}/2026_01_Jan.tar", f"{tmp_path}/2026_02_Feb.tar.gz"]
    assert completed["payload"]["run"] == "2026_01_Jan-1"
    assert completed["payload"]["net"] == {"mine-1": 1.5}
    assert failed["payload"]["error"] == "mine-1 raised"
