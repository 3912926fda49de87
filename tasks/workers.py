"""The processes that do the work which binds a core. They never import Prefect, and end when their parent does.

One that dies, killed for want of memory say, takes its own task along and no other; a new one takes its place.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from tasks.errors import WorkerError

logger = logging.getLogger("backtest")

T = TypeVar("T")


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor]:
    """Open a pool of spawned processes.

    Args:
        workers: How many; at least 1.

    Yields:
        The executor; leaving the block drops what is not done.
    """
    pool = ProcessPool(max_workers=workers, context=_Context(), initializer=_prepare)
    executor = _Workers(pool)
    try:
        yield executor
    finally:
        executor.drop()
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def run(pool: Executor, work: Callable[[Any], T], job: object) -> T:
    """Have a job done by a worker; once more where the worker dies.

    Args:
        pool: From `worker_pool`.
        work: A module's function.
        job: What it is given.

    Returns:
        What it returns.

    Raises:
        WorkerError: A second worker died of it.
    """
    try:
        return pool.submit(work, job).result()
    except ProcessExpired as died:
        logger.warning("a worker process died (%s) and another does its task again", _how(died))
    try:
        return pool.submit(work, job).result()
    except ProcessExpired as died:
        raise WorkerError(f"two worker processes died of it ({_how(died)}); is there memory enough for each?") from died


def _how(died: ProcessExpired) -> str:
    if died.exitcode and died.exitcode < 0:
        return f"killed by {signal.Signals(-died.exitcode).name}"
    return f"exit status {died.exitcode}"


class _Workers(Executor):
    def __init__(self, pool: ProcessPool) -> None:
        self._pool = pool
        self._futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:  # noqa: ANN401 - any function's
        future: Future[T] = self._pool.schedule(fn, args=args, kwargs=kwargs)
        self._futures.append(future)
        return future

    def drop(self) -> None:
        """Cancel what is not done; a pool that is stopped would leave its waiters waiting."""
        for future in self._futures:
            future.cancel()


class _Process(SpawnProcess):
    """Starts without running the parent's main module again: that may be Prefect's engine."""

    def start(self) -> None:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


def _prepare() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(2, 1)  # what a strategy prints must not end up in the command line's own output
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
