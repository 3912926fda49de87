"""What runs in the workers of a Dask cluster: the check of their machine, and each job in a process of its own."""

import asyncio
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from distributed import Worker, get_worker
from distributed.core import Status

from tasks.cluster.inside import lacking_at, work_at
from tasks.errors import BacktestError, ClusterError
from tasks.workers import WorkerPool, worker_pool

if TYPE_CHECKING:
    from tasks.cluster.place import Place

_SECONDS_BETWEEN_LOOKS = 0.25
_ALIVE = {Status.running, Status.paused, Status.closing_gracefully}
_MEGABYTE = 1e6


class Outcome(NamedTuple):
    """What came of a job. It is returned, never raised: Dask would send a traceback along, and print it.

    Attributes:
        result: What it returned.
        error: What it raised, if it did.
    """

    result: object = None
    error: BacktestError | None = None


class _Room(NamedTuple):
    """What a Dask worker may take: its number of tasks at once, and its memory in MB, 0 for no limit."""

    tasks: int
    megabytes: float


async def refuse(place: bytes, dask_worker: Worker) -> str | None:
    """Return in words why a worker cannot do the jobs of a place, or None.

    Args:
        place: A `Place`, pickled.
        dask_worker: Given by Dask, because it has this name.
    """
    return await asyncio.to_thread(_refusal, place, _room_of(dask_worker))


def run_job(place: bytes, job: bytes) -> Outcome:
    """Run one job as a Dask task: in a new process, which is killed if nobody wants the task any more.

    Args:
        place: A `Place`, pickled; checked again, because a worker may have joined since the run began.
        job: The function and its argument, pickled.
    """
    worker = get_worker()
    try:
        if why_not := _refusal(place, _room_of(worker)):
            return _refused(worker, why_not)
        return Outcome(_run(place, job, worker))
    except BacktestError as error:
        return Outcome(error=error)
    except Exception as error:  # noqa: BLE001 - of another version, it may fail anyhow
        return _refused(worker, f"it cannot run this project ({line_of(error)})")


def _refused(worker: Worker, why: str) -> Outcome:
    return Outcome(error=ClusterError(f"the Dask worker {worker.address}: {why}"))


def line_of(error: BaseException) -> str:
    """Return an exception's first line, or its type if it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _room_of(worker: Worker) -> _Room:
    return _Room(worker.state.nthreads, (worker.memory_manager.memory_limit or 0) / _MEGABYTE)


@lru_cache
def _refusal(packed: bytes, room: _Room) -> str | None:
    place: Place = pickle.loads(packed)  # noqa: S301 - as Dask itself does with all it is sent
    if other := place.other_version():
        return other
    if multiprocessing.current_process().daemon:
        return (
            "it is a daemonic process, which may not start others; start it with DASK_DISTRIBUTED__WORKER__DAEMON=False"
        )
    if room.megabytes and place.megabytes * room.tasks > room.megabytes:
        return (
            f"its {room.megabytes:.0f} MB of memory are too few for {room.tasks} jobs at once of up to "
            f"{place.megabytes:.0f} MB; lower --worker-megabytes to {room.megabytes / room.tasks:.0f}"
        )
    try:
        with worker_pool(1) as pool:
            return pool.run(lacking_at, packed)
    except BacktestError as error:
        return str(error)


def _run(place: bytes, job: bytes, worker: Worker) -> object:
    """Run a job in a process and wait for it.

    Raises:
        BacktestError: As `WorkerPool.run` does.
        RuntimeError: The task was cancelled, its client is gone, or this worker is being closed.
    """
    key, pool = worker.get_current_task(), WorkerPool(1)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(pool.run, work_at, (place, job))
        while not wait([answer], _SECONDS_BETWEEN_LOOKS).done:
            task = worker.state.tasks.get(key)
            # Dask does not stop a task that has begun; it notes that nobody wants it.
            if task is None or task.state == "cancelled" or worker.status not in _ALIVE:
                pool.stop()
    return answer.result()
