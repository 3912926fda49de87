"""The processes that do the work which binds a core. They never import Prefect, and end when their parent does."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor]:
    """Open a pool of spawned processes.

    Args:
        workers: How many; at least 1.

    Yields:
        The executor; leaving the block waits for what is running and drops what is not.
    """
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=_Context(), initializer=_prepare)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
