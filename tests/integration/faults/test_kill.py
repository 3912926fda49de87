"""A run that is killed at any moment and run again ends as if nothing had happened."""

import os
import random
import shutil
import signal
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from chaos import CHAOS, times
from lakes import FINISHED, compare, leftovers, written
from served import BACKTEST, PATIENCE, kill_tree, until

KILLS_A_LAKE = 3
LAKES = times(1, 40)
WORKERS_KILLED = times(1, 20)
WORKERS_STOPPED = times(1, 10)


@pytest.fixture
def start(asked, environment, ratings_url):
    """Start a run, as a shell does, and do not wait for it."""

    def start(lake: Path, *more: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BACKTEST, *asked(lake, *more)],
            env={**environment, "BACKTEST_RATINGS_URL": ratings_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.parametrize("seed", range(LAKES))
def test_at_any_moment(seed, start, tmp_path, undisturbed, caused):
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    finished: dict[str, int] = {}
    kills = 0
    for patience in [*(rng.uniform(1, 9) for _ in range(KILLS_A_LAKE)), PATIENCE]:
        process = start(tmp_path)
        try:
            _, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            kill_tree(process)
            kills += 1
        else:
            assert process.returncode == 0, said
        now = written(tmp_path)
        assert {name: now[name] for name in finished} == finished, "what was finished was done again"
        finished = {name: at for name, at in now.items() if name.startswith(FINISHED)}
    assert process.returncode == 0
    assert not leftovers(tmp_path)
    difference = compare(tmp_path, undisturbed)
    for _ in range(kills):
        caused("killed at a random moment (SIGKILL), and run again", difference)


# Seconds at which a run with a server of its own imports, starts it, extracts and simulates, more or less.
MOMENTS = [0.5, 8] if not CHAOS else [at / 4 for at in range(2, 80)]
INTERRUPTED = "interrupted; finished work is kept, run the same command to continue\n"


@pytest.mark.parametrize("seconds", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_run_with_a_server_of_its_own_leaves_no_process(number, seconds, asked, ratings_url, tmp_path):
    mark = uuid.uuid4().hex
    settled = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    home = tmp_path / "prefect"
    process = subprocess.Popen(
        [BACKTEST, *asked(tmp_path / "lake")],
        env={**settled, "PREFECT_HOME": str(home), "BACKTEST_RATINGS_URL": ratings_url, "MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # As a terminal does it: all that is in the command's group is told.
        (os.killpg if number in {signal.SIGINT, signal.SIGHUP} else os.kill)(process.pid, number)
        _, said = process.communicate(timeout=PATIENCE)
        if number in {signal.SIGINT, signal.SIGTERM}:
            assert process.returncode == 128 + number, said
            assert said.endswith(INTERRUPTED), said
        else:
            assert process.returncode == -number
    assert "Traceback" not in said
    until(lambda: not marked(mark), seconds=60)
    if number in {signal.SIGINT, signal.SIGTERM}:
        assert not leftovers(tmp_path / "lake")


def marked(mark: str) -> list[psutil.Process]:
    """Every process that has inherited a variable."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(WORKERS_KILLED))
def test_a_worker_killed_as_for_want_of_memory(seed, start, tmp_path, judge):
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    process = start(tmp_path)
    kill_a_worker(process, rng)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    judge("a worker killed (SIGKILL), as for want of memory", tmp_path)


def without_orders(undisturbed: Path, lake: Path) -> Path:
    """Copy a lake in which all is extracted and nothing replayed."""
    shutil.copytree(undisturbed, lake)
    for folder in ("orders", "results"):
        shutil.rmtree(lake / folder)
    return lake


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(WORKERS_STOPPED))
def test_a_worker_that_is_stopped(seed, start, tmp_path, undisturbed, judge):
    lake = without_orders(undisturbed, tmp_path / "lake")
    process = start(lake, "--market-seconds", "3")
    kill_a_worker(process, random.Random(seed), signal.SIGSTOP)  # noqa: S311 - moments, not secrets
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    judge("a worker stopped (SIGSTOP) for ever", lake)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(WORKERS_STOPPED))
def test_a_run_that_is_stopped_with_all_its_processes_and_goes_on(seed, start, tmp_path, undisturbed, judge):
    lake = without_orders(undisturbed, tmp_path / "lake")
    process = start(lake, "--market-seconds", "2")
    until(lambda: workers_of(process) or process.poll() is not None)
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in everyone:
        with suppress(psutil.NoSuchProcess):
            one.suspend()
    stopped = time.monotonic()
    until(lambda: time.monotonic() - stopped > 5)
    for one in everyone:
        with suppress(psutil.NoSuchProcess):
            one.resume()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "running its task again" not in said
    judge("a run stopped with all its processes, and continued", lake)


def kill_a_worker(process: subprocess.Popen[str], rng: random.Random, number: int = signal.SIGKILL) -> None:
    """Kill or stop one of the first that are seen, at some moment of its one job."""
    to_pass, seen = rng.randrange(6), set()
    while process.poll() is None:
        for worker in workers_of(process):
            seen.add(worker.pid)
            if len(seen) > to_pass:
                time.sleep(rng.uniform(0, 0.1))
                with suppress(psutil.NoSuchProcess):  # it was done before
                    worker.send_signal(number)
                    return
        time.sleep(0.005)
    pytest.fail("it ended before a worker could be killed")


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """What the server has made, which looks as the server does."""
    with suppress(psutil.NoSuchProcess):
        alike = [one for one in psutil.Process(process.pid).children(recursive=True) if is_server_or_worker(one)]
        servers = {one.pid for one in alike}
        return [one for one in alike if one.ppid() in servers]
    return []


def is_server_or_worker(process: psutil.Process) -> bool:
    try:
        return "multiprocessing.forkserver" in " ".join(process.cmdline())
    except psutil.Error:
        return False
