"""A Dask cluster of processes of its own gives the orders of this machine, and whatever befalls it costs none."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest
from dask_processes import Cluster, interrupt, started_cluster
from pipeline import extract, pack
from served import BACKTEST, alive, kill_tree, until
from small_markets import BEGIN, MARKETS, told

from flows.executor import opened_executor
from flows.parameters import BacktestParameters
from sample.archive import Sample
from tasks.errors import BacktestError, ClusterError
from tasks.executor import Executor
from tasks.lake.store import Lake
from tasks.orders.limits import Limits
from tasks.simulation.stage import plan_replays

RIGHT = [[(11, 2.0, 2.0, 4.0)]] * 3

GOOD = f"{BEGIN}class Mine(Bets): pass\n"

# Waits in its second market until it may go on; says which process it is in.
WAITS = f"""{BEGIN}
import os, time
from pathlib import Path

class Mine(Bets):
    def process_market_book(self, market, book):
        if market.market_id.endswith("2"):
            Path("here").mkdir(exist_ok=True)
            Path("here", str(os.getpid())).touch()
            while not os.access("go", os.F_OK):
                time.sleep(0.05)
        super().process_market_book(market, book)
"""

# A worker that believes that another flumine is installed.
OTHER_FLUMINE = """
import importlib.metadata as metadata
def version(name):
    return "3.0.1" if name == "flumine" else metadata.distribution(name).version
metadata.version = version
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler; each test starts the workers that it needs."""
    (tmp_path / "cluster").mkdir()
    with started_cluster(tmp_path / "cluster") as cluster:
        yield cluster


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_modules: None) -> Lake:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    lake = Lake("lake")
    extract(pack(MARKETS, tmp_path / "month.tar"), lake, "all", chunk_bytes=1)
    return lake


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each market take two seconds."""

    def planned(*given: Any) -> Any:
        return [replace(job, limits=Limits(2, 1e6)) for job in plan_replays(*given)]

    monkeypatch.setattr("pipeline.plan_replays", planned)


def asked(address: str, **sources: str) -> BacktestParameters:
    """Parameters of a run of strategies, whose modules are written first."""
    for module, source in sources.items():
        Path(f"{module}.py").write_text(source, encoding="utf-8")
    own: Any = [{"strategy": f"{module}:Mine"} for module in sources]
    return BacktestParameters(
        archives=["month.tar"], strategies=[], own_strategies=own, lake="lake", window="all", executor=address
    )


def opened(parameters: BacktestParameters) -> Any:
    return opened_executor(parameters, reads_archives=False, is_idle=False)


def replayed(parameters: BacktestParameters) -> dict[str, Any]:
    with opened(parameters) as executor:
        return told(parameters.opened_lake, executor, *parameters.variants)


def refused(parameters: BacktestParameters) -> str:
    with pytest.raises(ClusterError) as error:
        replayed(parameters)
    assert "\n" not in str(error.value)
    return str(error.value)


def right(parameters: BacktestParameters) -> dict[str, Any]:
    return {variant.id: RIGHT for variant in parameters.variants}


def waiting(folder: Path, running: Callable[[], bool]) -> list[psutil.Process]:
    """The processes of the strategy that waits, once there is one."""
    until(lambda: ((folder / "here").is_dir() and list((folder / "here").iterdir())) or not running())
    assert running(), "it ended before"
    return [psutil.Process(int(path.name)) for path in (folder / "here").iterdir()]


def workers_of(top: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes of a nanny's worker."""
    return [child for child in psutil.Process(top.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def test_a_cluster_gives_the_same_bytes_as_this_machine(cluster: Cluster, month: Sample, tmp_path: Path, backtest):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    cluster.start_worker("--nthreads", "1", cwd=elsewhere)
    cluster.start_worker("--nthreads", "1", cwd=elsewhere)
    (tmp_path / "good.py").write_text(GOOD, encoding="utf-8")
    made = {}
    for name, executor in (("here", "local"), ("there", cluster.address)):
        options = ("--strategy", "back_favourite", "--strategy", f"{tmp_path / 'good.py'}:Mine", "--chunk-bytes", 60000)
        backtest("run", month.archive, *options, "--lake", tmp_path / name, "--executor", executor)
        made[name] = {dataset: files_below(tmp_path / name / dataset) for dataset in ("markets", "windows", "orders")}
    assert made["there"] == made["here"]
    assert all(made["here"].values())


def test_a_cluster_for_the_time_of_a_run(lake: Lake):
    parameters = asked("dask", good=GOOD)
    assert replayed(parameters) == right(parameters)


def test_a_strategy_that_loops_is_killed_by_its_limit_and_named(cluster: Cluster, lake: Lake, limited: None):
    loops = f"{BEGIN}class Mine(Bets):\n    def process_market_book(self, market, book):\n        while True: pass\n"
    worker = cluster.start_worker("--nthreads", "2")
    parameters = asked(cluster.address, bad=loops, good=GOOD)
    bad, good = parameters.variants
    with opened(parameters) as executor:
        with pytest.raises(BacktestError) as error:
            told(lake, executor, bad, good)
        assert str(error.value).startswith(f"{bad.id} took more than 2 s in market 1.90000000")
        assert told(lake, executor, good) == {good.id: RIGHT}
    assert len(workers_of(worker)) == 1


def test_what_ends_its_process_costs_no_worker(cluster: Cluster, lake: Lake):
    dies = f"{BEGIN}import os\nclass Mine(Bets):\n    def process_market_book(self, *_): os._exit(7)\n"
    worker = cluster.start_worker("--nthreads", "2")
    before = workers_of(worker)
    parameters = asked(cluster.address, bad=dies, good=GOOD)
    bad, good = parameters.variants
    with opened(parameters) as executor:
        with pytest.raises(BacktestError, match=f"{bad.id} on .*: two workers died running this task"):
            told(lake, executor, bad, good)
        assert told(lake, executor, good) == {good.id: RIGHT}
    assert workers_of(worker) == before


def test_a_lost_workers_jobs_are_done_by_the_next(cluster: Cluster, lake: Lake, tmp_path: Path):
    nanny = cluster.start_worker("--nthreads", "1")
    parameters = asked(cluster.address, good=WAITS)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(replayed, parameters)
        (first,) = waiting(tmp_path, answer.running)
        (worker,) = workers_of(nanny)
        worker.send_signal(signal.SIGKILL)
        until(lambda: not alive([first]))
        (tmp_path / "go").touch()
        assert answer.result() == right(parameters)


def test_without_workers_for_a_while_a_run_ends_and_the_next_does_the_rest(
    cluster: Cluster, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tasks.cluster.executor._SECONDS_WITHOUT_WORKERS", 0.0)
    only = cluster.start_worker("--nthreads", "1", "--no-nanny")
    parameters = asked(cluster.address, good=WAITS)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(refused, parameters)
        waiting(tmp_path, answer.running)
        only.kill()
        assert "the cluster has had no workers for" in answer.result()
    (tmp_path / "go").touch()
    cluster.start_worker("--nthreads", "1")
    assert replayed(parameters) == right(parameters)


def test_a_lost_scheduler_ends_the_run_and_its_processes(cluster: Cluster, lake: Lake, tmp_path: Path):
    cluster.start_worker("--nthreads", "1")
    parameters = asked(cluster.address, good=WAITS)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(refused, parameters)
        job = waiting(tmp_path, answer.running)
        cluster.scheduler.kill()
        assert "the Dask cluster is lost" in answer.result()
    until(lambda: not alive(job))
    until(lambda: not cluster.processes())
    (tmp_path / "go").touch()
    cluster.start_scheduler()
    cluster.start_worker("--nthreads", "1")
    assert replayed(parameters) == right(parameters)


def test_a_killed_command_leaves_no_process_on_the_workers(cluster: Cluster, lake: Lake, tmp_path: Path, environment):
    nanny = cluster.start_worker("--nthreads", "1")
    asked(cluster.address, good=WAITS)
    options = ["--strategy", "good:Mine", "--window", "all", "--lake", "lake", "--executor", cluster.address]
    with subprocess.Popen(
        [BACKTEST, "run", "month.tar", *options],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as command:
        job = waiting(tmp_path, lambda: command.poll() is None)
        kill_tree(command)
    until(lambda: not alive(job))
    assert nanny.poll() is None
    assert cluster.workers()


def test_a_cluster_that_is_stopped_leaves_no_process(cluster: Cluster, lake: Lake):
    worker = cluster.start_worker("--nthreads", "1")
    parameters = asked(cluster.address, good=GOOD)
    assert replayed(parameters) == right(parameters)
    assert len(cluster.processes()) > 3  # its fork server is among them
    for process in (worker, cluster.scheduler):
        interrupt(process)
    until(lambda: not cluster.processes())


def test_a_cluster_that_grows_is_used(cluster: Cluster, lake: Lake):
    def width(executor: Executor) -> Callable[[], bool]:
        return lambda: executor.width == 3

    cluster.start_worker("--nthreads", "1")
    with opened(asked(cluster.address, good=GOOD)) as executor:
        assert executor.width == 1
        assert executor.most > 3
        cluster.start_worker("--nthreads", "2")
        until(width(executor))


# Who is refused


def test_a_cluster_without_workers(cluster: Cluster, lake: Lake):
    assert "the cluster has no workers; start one" in refused(asked(cluster.address, good=GOOD))


def test_a_worker_that_may_start_no_processes(cluster: Cluster, lake: Lake):
    cluster.start_worker(DASK_DISTRIBUTED__WORKER__DAEMON="True")
    (worker,) = cluster.workers()
    said = refused(asked(cluster.address, good=GOOD))
    assert said.startswith(f"the Dask worker {worker}: it is a daemonic process")
    assert "DASK_DISTRIBUTED__WORKER__DAEMON=False" in said


def test_a_worker_of_another_flumine_at_the_start_and_later(cluster: Cluster, lake: Lake, tmp_path: Path):
    (tmp_path / "other.py").write_text(OTHER_FLUMINE, encoding="utf-8")
    parameters = asked(cluster.address, good=GOOD)
    right_one = cluster.start_worker("--nthreads", "1")
    with opened(parameters) as executor:
        cluster.start_worker("--nthreads", "1", "--preload", str(tmp_path / "other.py"))
        interrupt(right_one)
        with pytest.raises(ClusterError, match=r"the Dask worker \S+: its flumine is 3\.0\.1, here it is "):
            told(lake, executor, *parameters.variants)
    assert re.search(r"the Dask worker \S+: its flumine is 3\.0\.1, here it is ", refused(parameters))


def test_a_worker_without_this_project(cluster: Cluster, lake: Lake, tmp_path: Path):
    hide = "import sys\nfor name in ('tasks', 'flows', 'strategies'): sys.modules[name] = None\n"
    (tmp_path / "hide.py").write_text(hide, encoding="utf-8")
    cluster.start_worker("--preload", str(tmp_path / "hide.py"))
    assert "it cannot run this project (" in refused(asked(cluster.address, good=GOOD))


def test_a_worker_of_too_little_memory(cluster: Cluster, lake: Lake):
    cluster.start_worker("--nthreads", "2", "--memory-limit", "600MB")
    parameters = asked(cluster.address, good=GOOD)
    assert "lower --worker-megabytes to 300" in refused(parameters)
    enough = parameters.model_copy(update={"worker_megabytes": 300})
    assert replayed(enough) == right(enough)


def test_no_scheduler(lake: Lake, cluster: Cluster):
    interrupt(cluster.scheduler)
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        assert refused(asked(cluster.address, good=GOOD)).startswith(f"{cluster.address}: no Dask scheduler answers")
