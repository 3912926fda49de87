"""The processes that do the work which binds a core. They never import Prefect, and end when their parent does.

One that dies, killed for want of memory say, takes its own task along and no other; a new one takes its place.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import LifoQueue
from types import ModuleType
from typing import TypeVar

from tasks.errors import WorkerError

logger = logging.getLogger("backtest")

J = TypeVar("J")
T = TypeVar("T")


@contextmanager
def worker_pool(workers: int) -> Iterator["WorkerPool"]:
    """Open a pool of spawned processes, each started when there is work for it.

    Args:
        workers: How many; at least 1.

    Yields:
        The pool; leaving the block waits for what is running.
    """
    pool = WorkerPool(workers)
    try:
        yield pool
    finally:
        pool.close()


class WorkerPool:
    """Processes and whoever waits for one; got from `worker_pool`.

    Each is an executor of its own, because one whose process dies is of no more use to any of its tasks.
    """

    def __init__(self, workers: int) -> None:
        self._free: LifoQueue[ProcessPoolExecutor] = LifoQueue()
        self._executors: list[ProcessPoolExecutor] = []
        for _ in range(workers):
            self._free.put(self._start())

    def run(self, work: Callable[[J], T], job: J) -> T:
        """Have a job done by a process, once more where that dies; for threads, of which each waits for its own.

        Args:
            work: A module's function.
            job: What it is given.

        Returns:
            What it returns.

        Raises:
            WorkerError: A second process died of it.
        """
        executor = self._free.get()
        try:
            try:
                return executor.submit(work, job).result()
            except BrokenProcessPool:
                logger.warning("a worker process died; another does its task again")
                executor = self._start()
            try:
                return executor.submit(work, job).result()
            except BrokenProcessPool:
                executor = self._start()
                raise WorkerError("two worker processes died of it; is there memory enough for each?") from None
        finally:
            self._free.put(executor)

    def close(self) -> None:
        """Wait for what is running, and end the processes."""
        for executor in self._executors:
            executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        executor = ProcessPoolExecutor(1, mp_context=_Context(), initializer=_prepare)
        self._executors.append(executor)
        return executor


# Two that start at once would each take the other's stand-in for the main module, and leave one in its place.
_starting = threading.Lock()


class _Process(SpawnProcess):
    """Starts without running the parent's main module again, which may be Prefect's engine; ends when its work has."""

    def start(self) -> None:
        with _starting:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main

    def run(self) -> None:
        super().run()
        # Python would wait for every thread that a strategy has left.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


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
