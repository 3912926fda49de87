"""The `Executor` of a Dask cluster: submits each job as a task, and says in one line what is wrong with the cluster."""

import logging
import pickle
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar, cast

from distributed import Client, Future, LocalCluster
from distributed.scheduler import KilledWorker

from tasks.cluster.place import Place, versions
from tasks.cluster.worker import Outcome, line_of, refuse, run_job
from tasks.errors import ClusterError, WorkerError

J = TypeVar("J")
T = TypeVar("T")

LOCAL = "dask"
"""The address of a cluster in this process, for the time of a run."""

_SCHEME = re.compile(r"^dask://")
_THIS_MACHINE = "127.0.0.1:0"

_SECONDS_BETWEEN_LOOKS = 5.0
# Longer than a nanny takes to start a worker again.
_SECONDS_WITHOUT_WORKERS = 60.0
# So that a cluster that grows finds jobs waiting; Dask holds them until a worker is free.
_LEAST_WAITING = 64


@contextmanager
def dask_cluster(address: str, workers: int, place: Place) -> Iterator["DaskCluster"]:
    """Connect to a Dask cluster and check that each of its workers can do the jobs.

    Args:
        address: `dask://host:port`, `tls://host:port`, or `LOCAL`.
        workers: Of a local cluster, the number of concurrent jobs.
        place: What the jobs need.

    Yields:
        The executor. On leaving the block, jobs that still run are cancelled.

    Raises:
        ClusterError: No scheduler answers, it has no workers, or one of them cannot do the jobs.
    """
    with ExitStack() as opened:
        # What it logs as errors is raised here, in one line.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        where: str | LocalCluster = _SCHEME.sub("tcp://", address)
        if address == LOCAL:
            where = opened.enter_context(
                LocalCluster(
                    n_workers=1,
                    threads_per_worker=workers,
                    processes=False,
                    memory_limit=0,
                    dashboard_address=_THIS_MACHINE,  # without, all the network would reach it
                    worker_dashboard_address=_THIS_MACHINE,
                )
            )
        with _failing_as(f"{address}: no Dask scheduler answers there ({{}})"):
            client = opened.enter_context(Client(where, set_as_default=False))
        cluster = DaskCluster(client, address, place)
        cluster.greet()
        try:
            yield cluster
        finally:
            cluster.stop()


class DaskCluster:
    """The `Executor` of a Dask cluster, with a process per job; from `dask_cluster`."""

    def __init__(self, client: Client, address: str, place: Place) -> None:
        self._client, self._address, self._place = client, address, pickle.dumps(place)
        self._lost = f"{address}: the Dask cluster is lost ({{}}); what was finished is kept; run it again"
        self._running: set[Future[Outcome]] = set()
        self._is_closed = False

    @property
    def width(self) -> int:
        """The number of concurrent jobs, which changes as workers come and go; at least 1."""
        with _failing_as(self._lost):
            threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    @property
    def most(self) -> int:
        """The number of jobs to give it at once."""
        return max(_LEAST_WAITING, 2 * self.width)

    def greet(self) -> None:
        """Check the scheduler and each worker.

        Raises:
            ClusterError: One of them is refused, or there are no workers.
        """
        with _failing_as(f"{self._address}: its scheduler cannot import this project ({{}}); install the same there"):
            # It unpickles tasks before it gives them to workers.
            self._client.run_on_scheduler(versions)
        with _failing_as(self._lost):
            answers = self._client.run(refuse, self._place, on_error="return")
        if not answers:
            raise ClusterError(f"{self._address}: the cluster has no workers; start one with `dask worker`")
        refused = [(worker, why) for worker, why in sorted(answers.items()) if why is not None]
        for worker, why in refused:
            others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise ClusterError(f"the Dask worker {worker}{others}: {_said_by_worker(why)}")

    def run(self, work: Callable[[J], T], job: J, passed: Callable[[int], object] | None = None) -> T:  # noqa: ARG002 - what is done stays on its machine until all is
        """Run `work(job)` in a new process on some worker and wait for its result; thread-safe.

        Dask gives the job of a lost worker to another. The process has the working directory, the user's folders of
        `sys.path` and the strategies' folder of this one, and otherwise its own machine's environment.

        Args:
            work: A module-level function.
            job: Its argument.
            passed: Not called.

        Raises:
            BacktestError: As `WorkerPool.run` does.
            WorkerError: Several workers died running it.
            ClusterError: The cluster is lost, has had no workers for a while, or a worker that joined it is refused.
            RuntimeError: The cluster was closed while the job was running.
        """
        packed = pickle.dumps((work, job))
        with _failing_as(self._lost):
            future = self._client.submit(run_job, self._place, packed, pure=False)
        self._running.add(future)
        try:
            outcome = self._outcome(future)
        except BaseException:
            _cancel(future)
            raise
        finally:
            self._running.discard(future)
        if outcome.error is not None:
            raise outcome.error
        return cast("T", outcome.result)

    def stop(self) -> None:
        """Cancel running jobs, which ends their processes, and accept no more."""
        self._is_closed = True
        for future in tuple(self._running):
            _cancel(future)

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        had_workers = time.monotonic()
        while not self._is_closed:
            try:
                return future.result(timeout=_SECONDS_BETWEEN_LOOKS)
            except TimeoutError:
                if self._has_workers():
                    had_workers = time.monotonic()
                elif time.monotonic() - had_workers > _SECONDS_WITHOUT_WORKERS:
                    raise ClusterError(
                        f"{self._address}: the cluster has had no workers for {_SECONDS_WITHOUT_WORKERS:g} s; what was "
                        "finished is kept; start some and run it again"
                    ) from None
            except KilledWorker as error:
                raise WorkerError(
                    f"{error.allowed_failures + 1} Dask workers died running this task; the last was "
                    f"{error.last_worker.address}"
                ) from None
            except CancelledError as error:
                if not self._is_closed:
                    raise ClusterError(self._lost.format(line_of(error))) from error
            except Exception as error:
                raise ClusterError(self._lost.format(line_of(error))) from error
        raise RuntimeError("the cluster was closed while the job was running")

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.nthreads())
        except Exception:  # noqa: BLE001 - whatever it is, the future will say it
            return True


def _cancel(future: Future[Outcome]) -> None:
    with suppress(Exception):  # a cluster that is lost has cancelled it already
        future.cancel()


@contextmanager
def _failing_as(said: str) -> Iterator[None]:
    """Raise whatever is raised in the block as a `ClusterError`, its first line in the place of `{}`."""
    try:
        yield
    except Exception as error:
        raise ClusterError(said.format(line_of(error))) from error


def _said_by_worker(why: str | Exception) -> str:
    if isinstance(why, Exception):
        return f"it cannot run this project ({line_of(why)}); install the same there and restart it"
    return why
