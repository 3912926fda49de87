"""The processes that do the work which binds a core: a new one for each job, so that no job finds what another left.

They never import Prefect, and end when their caller does. One that dies, killed for want of memory say, takes its own
job along and no other; a second one does that job again.
"""

import importlib
import logging
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar, cast

from tasks.errors import WorkerError

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

logger = logging.getLogger("backtest")

J = TypeVar("J")
T = TypeVar("T")

# Where there is fork, a server has imported what every job needs, and a worker is a copy of it. Nothing of a user's.
_PRELOADED = [
    "flumine",
    "numpy",
    "pandas",
    "pyarrow",
    "tasks.extraction.extract",
    "tasks.simulation.replay",
    "tasks.workers",
]
_FORKS = "forkserver" in get_all_start_methods()
_CONTEXT: "ForkServerContext | SpawnContext" = get_context("forkserver") if _FORKS else get_context("spawn")

_STARTS = 10
_SECONDS_BETWEEN_STARTS = 0.1

# An error's text may be a whole book; who reads it needs its beginning.
_CHARACTERS = 1_000


@contextmanager
def worker_pool(workers: int) -> Iterator["WorkerPool"]:
    """Open a pool of processes, each started when there is a job for it.

    Args:
        workers: How many at once; at least 1.

    Yields:
        The pool; leaving the block waits for what is running, or ends it where an exception leaves the block.
    """
    pool = WorkerPool(workers)
    try:
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise


class WorkerPool:
    """So many jobs at once, each in a process of its own; got from `worker_pool`.

    Attributes:
        workers: How many.
    """

    def __init__(self, workers: int) -> None:
        # For the order of sets of text. Read by an interpreter that starts, and left there because one may at any time.
        os.environ["PYTHONHASHSEED"] = "0"
        if _FORKS:
            _CONTEXT.set_forkserver_preload(_PRELOADED)
        self.workers = workers
        self._free = threading.Semaphore(workers)
        self._running: set[BaseProcess] = set()
        self._is_closed = False

    def run(self, work: Callable[[J], T], job: J) -> T:
        """Have a job done by a new process, once more where that dies; for threads, of which each waits for its own.

        The process has this one's environment variables, folder and `sys.path` of this moment, but not its main module.

        Args:
            work: A module's function.
            job: What it is given.

        Returns:
            What it returns. What it raises is raised here, with the traceback there as a note.

        Raises:
            WorkerError: A second process died of it, or what it returned or raised cannot be pickled.
            RuntimeError: The pool is closed, or was while the job was running.
        """
        packed = pickle.dumps((work, job))
        with self._free:
            answer = self._ask(packed)
            if answer is None and not self._is_closed:
                logger.warning("a worker process died; another does its task again")
                answer = self._ask(packed)
        if answer is not None:
            return cast("T", answer.outcome())
        if self._is_closed:
            raise RuntimeError("the pool was closed while the job was running")
        raise WorkerError("two worker processes died of it; is there memory enough for each?")

    def close(self) -> None:
        """Wait for what is running; nothing more begins."""
        self._is_closed = True
        with ExitStack() as places:
            for _ in range(self.workers):
                places.enter_context(self._free)

    def stop(self) -> None:
        """End what is running; nothing more begins."""
        self._is_closed = True
        with _starting:
            for process in self._running:
                process.kill()
        self.close()

    def _ask(self, packed: bytes) -> "_Answer | None":
        """Have one process do a job; None where it died of it."""
        ours, its = Pipe()
        process = _CONTEXT.Process(target=_work, args=(its, dict(os.environ), packed))
        try:
            with its, _starting, _no_main_module():
                if self._is_closed:
                    raise RuntimeError("the pool is closed")
                _start(process)
                self._running.add(process)
            # Not the answer's end alone: what a strategy has started may hold it open.
            wait([ours, process.sentinel])
            return cast("_Answer", ours.recv()) if ours.poll() else None
        except (EOFError, ConnectionError):
            return None
        finally:
            ours.close()  # which ends a worker whose server has died, and of which nothing more is known
            self._end(process)

    def _end(self, process: BaseProcess) -> None:
        with _starting:
            self._running.discard(process)
            if process.is_alive():
                process.kill()
            if process.pid is not None:
                process.join()
            process.close()


# Two that start at once would each take the other's stand-in for the main module, and leave one in its place. And who
# starts a process looks after all others of its parent, which no two threads may do at once.
_starting = threading.Lock()


def _start(process: BaseProcess) -> None:
    """Start a process, and a new server first where that has died, which the system may say a moment later."""
    with _without_interrupts():
        for _ in range(_STARTS - 1):
            try:
                return process.start()
            except (EOFError, ConnectionError):
                time.sleep(_SECONDS_BETWEEN_STARTS)
        return process.start()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start a server that Ctrl-C does not reach, not even while it imports: the parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Start processes that do not run the parent's main module again, which may be Prefect's engine."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Answer(NamedTuple):
    """What a worker sends back.

    Attributes:
        packed: What the job returned or raised, pickled; nothing where it cannot be.
        is_raised: Whether it was raised.
        said: The same in words.
    """

    packed: bytes
    is_raised: bool
    said: str

    def outcome(self) -> object:
        """Return what the job returned, or raise what it raised."""
        try:
            outcome = pickle.loads(self.packed)  # noqa: S301 - a worker's own
        except Exception as error:  # noqa: BLE001 - an exception's own constructor may raise anything
            why = f", which cannot be unpickled: {_said(error)}" if self.packed else ""
            raise WorkerError(f"a worker {self.said}{why}") from None
        if self.is_raised:
            raise outcome
        return outcome


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()[:_CHARACTERS]


def _work(caller: "Connection", environment: Mapping[str, str], packed: bytes) -> NoReturn:
    """Do a job: all that a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(2, 1)  # what a strategy prints must not end up in the command line's own output
    threading.Thread(target=_end_with, args=(caller,), daemon=True).start()
    _forget_the_server(environment)
    answer = _answer(packed)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # a strategy may have closed it
            stream.flush()
    try:
        caller.send(answer)
    finally:
        os._exit(0)  # Python would wait for every thread that a strategy has left


def _end_with(caller: "Connection") -> None:
    wait([caller])  # nothing is ever sent this way, so it is the end of whoever waits for the answer
    os._exit(1)


def _forget_the_server(environment: Mapping[str, str]) -> None:
    """Be as a process that was started just now, where this is the copy of one that started earlier."""
    os.environ.clear()
    os.environ.update(environment)
    if hasattr(time, "tzset"):
        time.tzset()
    importlib.invalidate_caches()  # for modules that were written since
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # Python's own generator does it by itself


def _answer(packed: bytes) -> _Answer:
    outcome: object
    try:
        work, job = pickle.loads(packed)  # noqa: S301 - the parent's own
        outcome, is_raised = work(job), False
        said = f"returned a {type(outcome).__name__}"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
        said = f"raised {_said(error)}"
        error.add_note("In the worker: " + "".join(traceback.format_exception(error)))
        outcome, is_raised = error, True
    try:
        return _Answer(pickle.dumps(outcome), is_raised, said)
    except Exception as error:  # noqa: BLE001 - an object's own ways of being pickled may raise anything
        return _Answer(b"", is_raised, f"{said}, which cannot be pickled: {_said(error)}")
