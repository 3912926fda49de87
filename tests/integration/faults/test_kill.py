"""A run that is killed at any moment and run again ends as if nothing had happened."""

import random
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from chaos import CHAOS, times
from lakes import FINISHED, leftovers, written
from served import BACKTEST, alive

KILLS = times(3, 100)
WORKERS_KILLED = times(1, 20)


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


def kill(process: subprocess.Popen[str]) -> None:
    """End a command as a power cut would: it first, so that it can tell nobody."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    psutil.wait_procs(children, timeout=10)
    assert not alive(children), "workers outlived the command"


@pytest.mark.timeout(7200 if CHAOS else 300)
def test_at_any_moment(start, undisturbed, tmp_path, judge):
    rng = random.Random(2026)  # noqa: S311 - moments, not secrets
    lake, runs, finished = tmp_path / "lake-1", 1, {}
    for _ in range(KILLS):
        process = start(lake)
        try:
            _, said = process.communicate(timeout=rng.uniform(1, 9))
        except subprocess.TimeoutExpired:
            kill(process)
        else:
            assert process.returncode == 0, said
            judge("killed at a random moment (SIGKILL), and run again", lake)
            assert not leftovers(lake)
            runs += 1
            lake = tmp_path / f"lake-{runs}"
        now = written(lake)
        finished = {name: at for name, at in finished.items() if name in now}
        assert {name: now[name] for name in finished} == finished, "what was finished was done again"
        finished = {name: at for name, at in now.items() if name.startswith(FINISHED)}
    process = start(lake)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    now = written(lake)
    assert {name: now[name] for name in finished} == finished, "what was finished was done again"
    judge("killed at a random moment (SIGKILL), and run again", lake)
    assert not leftovers(lake)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(WORKERS_KILLED))
def test_a_worker_killed_as_for_want_of_memory(seed, start, tmp_path, judge):
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    process = start(tmp_path)
    wait_for_worker(process)
    time.sleep(rng.uniform(0, 1.5))
    rng.choice(wait_for_worker(process)).kill()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    judge("a worker killed (SIGKILL), as for want of memory", tmp_path)


def wait_for_worker(process: subprocess.Popen[str]) -> list[psutil.Process]:
    while process.poll() is None:
        if workers := [one for one in psutil.Process(process.pid).children(recursive=True) if is_worker(one)]:
            return workers
        time.sleep(0.01)
    pytest.fail("it ended before a worker could be killed")


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False
