"""`backtest serve` as a user has it: a terminal, a browser's requests, Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from served import BACKTEST, PATIENCE, alive, free_port, until

THEIRS = '''
import time
from flumine import BaseStrategy

class Idle(BaseStrategy):
    """Looks on."""

class Slow(BaseStrategy):
    """Needs longer than anyone waits."""

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        time.sleep(600)
'''


@pytest.fixture(scope="module", autouse=True)
def theirs(user: Path) -> None:
    (user / "theirs.py").write_text(THEIRS)


@pytest.fixture(scope="module")
def sampled(serve) -> dict[str, Any]:
    """The run of `sample/sample`, started without filling in anything."""
    return serve().run("sample/sample")


def test_it_prints_where_everything_is(served):
    assert f"http://127.0.0.1:{served.port}" in served.printed
    assert str(served.lake) in served.printed
    assert str(served.home) in served.printed
    assert requests.get(f"http://127.0.0.1:{served.port}/", timeout=PATIENCE).ok
    assert served.link.startswith(f"http://127.0.0.1:{served.port}/sign-in#")
    assert len(served.printed.splitlines()) < 8


def test_every_deployment_says_what_it_does(served):
    deployments = served.post("deployments/filter")
    names = {deployment["name"] for deployment in deployments}
    stages = {"extract", "ratings", "simulate", "aggregate"}
    assert names == {"sample", "backtest", "sweep", "monthly", "arrivals", *stages}
    assert all(deployment["description"] and deployment["tags"] for deployment in deployments)


def test_one_run_at_a_time_writes_to_the_lake(served):
    assert served.get("work_pools/data_lake")["concurrency_limit"] == 1


def test_monthly_is_due_on_the_third_at_nine_in_sydney(served):
    monthly = served.get("deployments/name/monthly/monthly")
    [schedule] = monthly["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 9 3 * *", "Australia/Sydney")
    assert schedule["active"]
    until(lambda: served.runs("monthly"))
    due = datetime.fromisoformat(served.runs("monthly")[-1]["expected_start_time"])
    assert due.astimezone(ZoneInfo("Australia/Sydney")).strftime("%d %H:%M") == "03 09:00"


def test_the_profile_is_what_the_deployment_shows(served):
    profile = served.get("deployments/name/monthly/monthly")["parameters"]["parameters"]
    assert [choice["strategy"] for choice in profile["strategies"]] == ["rated_price", "back_favourite"]
    assert profile["ratings"] == "iggy"


def test_a_quick_run_of_the_sample_completes_with_its_figures(served, sampled):
    assert sampled["state_name"] == "Completed", sampled["state"]["message"]
    shown = {artifact["key"] for artifact in served.post("artifacts/filter")}
    assert {"variants", "rejects", "report"} <= shown
    assert list((served.lake / "sample" / "results").rglob("*.parquet"))


def test_a_stage_alone_finds_its_work_done(served, sampled):
    run = served.run("extract/extract", parameters=served.asked_of_sample())
    assert run["state_name"] == "Cached", run["state"]["message"]


def test_a_wrong_name_is_refused_with_what_would_be_right(served, sampled):
    asked = {**served.asked_of_sample(), "strategies": [{"strategy": "back_favorite", "parameters": {}}]}
    refused = served.start_run("backtest/backtest", parameters=asked)
    assert "id" not in refused
    assert "back_favourite" in refused["detail"]


def test_an_archive_that_arrives_is_backtested_with_a_strategy_of_the_users_own(served, month, user):
    own = [{"strategy": "theirs:Idle", "parameters": {}}]
    # Not the lake's: that one is looked into by the schedule, too.
    inbox = user / "inbox"
    inbox.mkdir()
    asked = {"strategies": [], "own_strategies": own, "settle_seconds": 0.5, "inbox": str(inbox)}
    shutil.copy(month.archive, inbox / "arrived.tar")

    def results() -> set[Path]:
        return set((served.lake / "results").glob("summary/*/*.parquet"))

    before = results()

    def started() -> list[dict[str, Any]]:
        return [run for run in served.runs("backtest") if (run["created_by"] or {}).get("type") == "AUTOMATION"]

    for _ in range(2):  # the second look announces nothing
        looked = served.run("arrivals/arrivals", parameters=asked)
        assert looked["state_name"] == "Completed", looked["state"]["message"]
        until(started)
    [run] = started()
    assert run["parameters"]["parameters"]["archives"] == [str(inbox / "arrived.tar")]
    assert run["parameters"]["parameters"]["own_strategies"] == own
    ended = served.wait_for(run["id"])
    assert ended["state_name"] == "Completed", ended["state"]["message"]
    # Named after the file by which the lake knows the archive: another's, where a test gave it this one before.
    assert len(results() - before) == 1


def test_a_second_one_on_the_same_state_gets_one_line(served):
    done = serve_in_vain(home=served.home, port=free_port())
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"{served.home} is already served" in line
    assert not done.stdout


def test_a_command_has_its_runs_on_the_server_that_runs(served, backtest, month, tmp_path):
    before = {run["id"] for run in served.runs("extract")}
    backtest("extract", month.archive, "--lake", tmp_path / "lake", PREFECT_HOME=str(served.home))
    [run] = [run for run in served.runs("extract") if run["id"] not in before]
    assert run["state_name"] == "Completed"


def test_who_listens_where_a_killed_server_did_is_told_nothing(backtest, month, tmp_path):
    home = tmp_path / "home"
    home.mkdir(0o700)
    (home / "serve.lock").touch()
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        (home / "served.url").write_text(f"http://127.0.0.1:{stranger.getsockname()[1]}/api")
        backtest("extract", month.archive, "--lake", tmp_path / "lake", PREFECT_HOME=str(home))
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.accept()


def test_ctrl_c_ends_all_of_it_and_the_next_start_goes_on(served, sampled, serve):
    asked = {**served.asked_of_sample(), "own_strategies": [{"strategy": "theirs:Slow", "parameters": {}}]}
    run = served.start_run("simulate/simulate", parameters=asked)["id"]
    served.wait_for(run, states={"RUNNING"})
    extract = served.get("deployments/name/extract/extract")["id"]
    assert served.ask("PATCH", f"deployments/{extract}", job_variables={"command": "true"}).ok
    family = served.family()
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(PATIENCE) == 0
    assert "Traceback" not in served.printed
    until(lambda: not alive(family))

    again = serve()
    assert again.get(f"flow_runs/{run}")["state_type"] == "CRASHED"
    assert len(again.post("automations/filter")) == 1
    assert len(again.post("deployments/filter")) == 9
    assert again.get("deployments/name/extract/extract")["job_variables"] == {"working_dir": "."}
    family = again.family()
    worker = next(process for process in family if "worker" in process.cmdline())
    worker.kill()
    assert again.process.wait(PATIENCE) == 1
    last = again.printed.splitlines()[-1]
    assert last.startswith("error: ")
    assert "worker" in last
    assert str(again.home / "logs" / "worker.log") in last
    assert "Traceback" not in again.printed
    until(lambda: not alive(family))


def test_a_port_that_is_taken_gets_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve_in_vain(home=tmp_path, port=port)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert str(port) in line
    assert "--port" in line
    assert not done.stdout


def serve_in_vain(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BACKTEST, "serve", "--port", str(port)],
        env={**os.environ, "PREFECT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
