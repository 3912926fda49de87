"""The processes that do the work which binds a core: a new one for each job, so that no job finds what another left.

They never import Prefect, and end when their caller does, with all that they have started. One that dies, killed for
want of memory say, takes its own job along and no other; a second one does that job again. Who waits for a job ends it
where it takes more than it said it may (`watch.py`): a process that is stopped, or hangs, cannot do that itself.
"""

import importlib
import logging
import os
import pickle
import queue
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

import psutil
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from tasks import errors
from tasks.errors import BacktestError, JobError, ReplayError, WorkerError
from tasks.watch import Overrun, Step, watch

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

logger = logging.getLogger("backtest")

J = TypeVar("J")
T = TypeVar("T")

# Where there is fork, a server has imported what every job needs, and a worker is a copy of it. Nothing of a user's,
# nor what a user's strategies import: a package that starts threads as it is imported would hang in every copy.
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

# Read by an interpreter and by libraries as they start: the order of sets of text; one core for each worker, so that
# sums are also added up in the same order everywhere.
_SET = {"PYTHONHASHSEED": "0"}
_SET_UNLESS_GIVEN = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")

_STARTS = 10
_SECONDS_BETWEEN_STARTS = 0.1

_SECONDS_BETWEEN_LOOKS = 0.25
# A longer pause is one in which this process itself was stopped, or its machine asleep.
_MOST_SECONDS_BETWEEN_LOOKS = 1.0
# For a worker to say where it is, which it cannot while a library's C code keeps the interpreter to itself.
_SECONDS_TO_EXPLAIN = 10.0
_SECONDS_TO_END = 5.0
# By whoever may stop processes; what is worked on takes no longer for it.
_MOST_SECONDS_STOPPED = 60.0
_MEGABYTE = 1e6

# Until it says what it does. A copy of the server does so within milliseconds; where there is no fork, in seconds.
_START = Step("its start", 600.0)

# An error's text may be a whole book; who reads it needs its beginning. A traceback has ten times as many.
_CHARACTERS = 1_000
_CHARACTERS_OF_A_TRACEBACK = 10_000
_CHARACTERS_OF_AN_ERROR = _CHARACTERS + _CHARACTERS_OF_A_TRACEBACK + 100


@contextmanager
def worker_pool(width: int) -> Iterator["WorkerPool"]:
    """Open a pool of processes, each started when there is a job for it.

    Args:
        width: How many at once; at least 1.

    Yields:
        The pool; leaving the block waits for what is running, or ends it where an exception leaves the block.
    """
    pool = WorkerPool(width)
    try:
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise


class WorkerPool:
    """So many jobs at once, each in a process of its own: the `Executor` of one machine; got from `worker_pool`.

    Attributes:
        width: How many.
    """

    def __init__(self, width: int) -> None:
        # Left in the environment because an interpreter may start at any time.
        os.environ.update(_SET)
        for name, value in _SET_UNLESS_GIVEN.items():
            os.environ.setdefault(name, value)
        if _FORKS:
            _CONTEXT.set_forkserver_preload(_PRELOADED)
        self.width = width
        self._free = threading.Semaphore(width)
        self._running: set[BaseProcess] = set()
        self._is_closed = False

    def run(self, work: Callable[[J], T], job: J) -> T:
        """Have a job done by a new process, once more where that dies; for threads, of which each waits for its own.

        The process has this one's environment variables, folder and `sys.path` of this moment, but not its main module.
        What crosses are the job's own values, and text: no exception does, nor what is in one.

        Args:
            work: A module's function.
            job: What it is given.

        Returns:
            What it returns.

        Raises:
            BacktestError: What it raised, where that is of this project, with the traceback there as a note.
            JobError: It raised anything else.
            WorkerError: A second process died of it or had to be ended, or what it returned cannot be pickled.
            RuntimeError: The pool is closed, or was while the job was running.
        """
        packed = pickle.dumps((work, job))
        with self._free:
            answer = self._ask(packed)
            if isinstance(answer, str) and not self._is_closed:
                logger.warning("a worker %s; its task is run once more", answer)
                answer = self._ask(packed)
        if not isinstance(answer, str):
            return cast("T", answer.outcome())
        if self._is_closed:
            raise RuntimeError("the pool was closed while the job was running")
        raise WorkerError(f"two workers died running this task; the second {answer}")

    def close(self) -> None:
        """Wait for what is running; nothing more begins."""
        self._is_closed = True
        with ExitStack() as places:
            for _ in range(self.width):
                places.enter_context(self._free)

    def stop(self) -> None:
        """End what is running; nothing more begins."""
        self._is_closed = True
        with _starting:
            for process in self._running:
                _kill(process)
        self.close()

    def _ask(self, packed: bytes) -> "_Answer | str":
        """Have one process do a job; where there is no answer, say what became of the process."""
        ours, its = Pipe()
        process = _CONTEXT.Process(target=_work, args=(its, dict(os.environ), packed))
        waited = None
        try:
            with its, _starting, _no_main_module():
                if self._is_closed:
                    raise RuntimeError("the pool is closed")
                _start(process)
                self._running.add(process)
            waited = _Waiting(ours, process)
            return waited.answer()
        except (EOFError, ConnectionError):
            return "died as it started"
        finally:
            self._end(process)
            if waited is not None:
                waited.close()
            # One that not even the system can end, in a disk's driver say, is left to it.
            with _starting, suppress(ValueError):
                process.close()
            ours.close()  # which ends a worker whose server has died, and of which nothing more is known

    def _end(self, process: BaseProcess) -> None:
        with _starting:
            self._running.discard(process)
            if process.pid is not None:
                _kill(process)
                process.join(_SECONDS_TO_END)


def _kill(process: BaseProcess) -> None:
    """End a worker, and what it has started: they are a session of their own, which is called by its number."""
    if hasattr(os, "killpg") and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


class _Waiting:
    """A job that is being done by a process, looked after from outside."""

    def __init__(self, connection: Connection, process: BaseProcess) -> None:
        self._connection, self._process, self._end = connection, process, process.sentinel
        self._said: queue.SimpleQueue[Step | _Answer | None] = queue.SimpleQueue()
        self._step = _START
        self._seconds = self._seconds_stopped = self._seconds_dead = 0.0
        self._overrun: Overrun | None = None
        self._seconds_to_explain = 0.0
        # In a thread, because what comes may be cut in the middle by whatever stops the process.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def close(self) -> None:
        """Stop listening to a process that has ended."""
        self._listener.join(_SECONDS_TO_END)

    def answer(self) -> "_Answer | str":
        """Wait for the answer; where there is none, say why."""
        looked = time.monotonic()
        while True:
            try:
                said = self._said.get(timeout=_SECONDS_BETWEEN_LOOKS)
            except queue.Empty:
                pass
            else:
                if said is None:
                    return self._death()
                if isinstance(said, _Answer):
                    return said
                self._step, self._seconds, self._seconds_stopped = said, 0.0, 0.0
                continue
            now = time.monotonic()
            why_not = self._look(min(now - looked, _MOST_SECONDS_BETWEEN_LOOKS))
            looked = now
            if why_not:
                return why_not

    def _listen(self) -> None:
        # Not the answer's end alone: what a strategy has started may hold it open.
        ends: list[Connection | int] = [self._connection, self._end]
        try:
            while self._connection in (ready := wait(ends)) or not self._is_dead():
                if self._connection in ready:
                    self._said.put(self._connection.recv())
                else:
                    ends = [self._connection]  # its server alone has died
        except (EOFError, OSError):
            wait([self._end], _SECONDS_TO_END)
        self._said.put(None)

    def _is_dead(self) -> bool:
        """Return whether the process has ended: where its server has died, that says no more of it."""
        if not wait([self._end], 0):
            return False
        try:
            return psutil.Process(self._process.pid).status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
        except psutil.Error:
            return True

    def _look(self, seconds: float) -> str:
        """Count the time that has passed, and say why the process has to be ended, if it has to."""
        if self._is_dead():
            self._seconds_dead += seconds  # and what it said last may still be on its way
            return self._death() if self._seconds_dead > _SECONDS_TO_END else ""
        try:
            process = psutil.Process(self._process.pid)
            is_stopped = process.status() == psutil.STATUS_STOPPED
            megabytes = process.memory_info().rss / _MEGABYTE
        except psutil.Error:
            return ""
        step = self._step
        if is_stopped:
            self._seconds_stopped += seconds
            most = min(step.seconds, _MOST_SECONDS_STOPPED)
            return f"was stopped for {most:g} s in {step.what}" if self._seconds_stopped > most else ""
        self._seconds += seconds
        if self._overrun is None:
            self._overrun = _beyond(step, self._seconds, megabytes)
            if self._overrun is not None:
                with suppress(OSError):
                    self._connection.send(self._overrun)
            return ""
        self._seconds_to_explain += seconds
        is_given_up = self._seconds_to_explain > _SECONDS_TO_EXPLAIN
        return f"took {self._overrun.took} in {step.what}{self._overrun.advice}" if is_given_up else ""

    def _death(self) -> str:
        with _starting:
            self._process.join(_SECONDS_TO_END)
            status = self._process.exitcode
        where = f" in {self._step.what}"
        if status is None or status >= 0:
            return f"ended with exit status {status}{where}" if status else f"ended{where}"
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        advice = ", probably out of memory: lower --workers" if name == "SIGKILL" else ""
        return f"died of {name}{where}{advice}"


def _beyond(step: Step, seconds: float, megabytes: float) -> Overrun | None:
    if seconds > step.seconds:
        longer = f"; a larger {step.parameter} gives it longer" if step.parameter else ""
        return Overrun(f"more than {step.seconds:g} s", longer)
    if megabytes > step.megabytes:
        more = "; a larger worker_megabytes gives it more"
        return Overrun(f"{megabytes:.0f} MB of memory, of {step.megabytes:.0f}", more)
    return None


# Two that start at once would each take the other's stand-in for the main module, and leave one in its place. And who
# starts a process looks after all others of its parent, which no two threads may do at once.
_starting = threading.Lock()


def _start(process: BaseProcess) -> None:
    """Start a process, and a new server first where that has died, which the system may say a moment later."""
    with _without_interrupts(), _no_stopped_server():
        Retrying(
            stop=stop_after_attempt(_STARTS),
            wait=wait_fixed(_SECONDS_BETWEEN_STARTS),
            retry=retry_if_exception_type((EOFError, ConnectionError)),
            reraise=True,
        )(process.start)


@contextmanager
def _no_stopped_server() -> Iterator[None]:
    """End the server where it is stopped and stays so, which whoever waits for it cannot see."""
    timer = threading.Timer(_MOST_SECONDS_STOPPED, _end_stopped_servers)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_stopped_servers() -> None:
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if child.status() == psutil.STATUS_STOPPED and "multiprocessing.forkserver" in " ".join(child.cmdline()):
                logger.warning("what starts the workers was stopped for %g s and is ended", _MOST_SECONDS_STOPPED)
                child.kill()


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
        packed: What the job returned, pickled; nothing where it raised, or where it cannot be.
        said: What it raised, or why what it returned cannot be pickled.
        error: The class in `tasks.errors` that says so.
        variant: Whose fault it was, as in `ReplayError`.
        note: The traceback.
    """

    packed: bytes = b""
    said: str = ""
    error: str = ""
    variant: str = ""
    note: str = ""

    def outcome(self) -> object:
        """Return what the job returned, or raise what it raised."""
        if self.error:
            raise self._raised()
        try:
            return pickle.loads(self.packed)  # noqa: S301 - a worker's own
        except Exception as error:  # noqa: BLE001 - an object's own ways of being unpickled may raise anything
            raise WorkerError(f"a worker {self.said}, which cannot be unpickled: {_said(error)}") from None

    def _raised(self) -> BacktestError:
        kind = getattr(errors, self.error)
        error: BacktestError = kind(self.said, self.variant) if kind is ReplayError else kind(self.said)
        error.add_note(f"In the worker: {self.note}")
        return error


def _said(error: BaseException) -> str:
    """Describe in words what was raised, whatever its own ways of saying so do."""
    try:
        return "".join(traceback.format_exception_only(error)).strip()[:_CHARACTERS]
    except BaseException:  # noqa: BLE001 - as above
        return type(error).__name__[:_CHARACTERS]


def _answer_of(error: BaseException) -> _Answer:
    """Put what was raised into text: an exception's own class may not exist elsewhere, or do anything as it is read."""
    try:
        note = "".join(traceback.format_tb(error.__traceback__))[-_CHARACTERS_OF_A_TRACEBACK:]
    except BaseException:  # noqa: BLE001 - a strategy may have changed what that needs
        note = ""
    kind = type(error)
    if kind.__module__ != errors.__name__ or not isinstance(error, BacktestError):
        return _Answer(said=_said(error), error=JobError.__name__, note=f"{note}{_said(error)}")
    variant = error.variant if isinstance(error, ReplayError) else ""
    return _Answer(said=str(error)[:_CHARACTERS_OF_AN_ERROR], error=kind.__name__, variant=variant, note=note)


class _Line:
    """The worker's end of the connection: only the process that the job was given says anything there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._owner, self._sending = os.getpid(), threading.Lock()
        self._file = _file_of(connection)

    def send(self, message: "Step | _Answer") -> None:
        if os.getpid() != self._owner:
            os._exit(0)  # a strategy has forked, and this is not the one that is waited for
        if _file_of(self.connection) != self._file:
            os._exit(1)  # a strategy has closed it, and something else is in its place
        with self._sending:
            self.connection.send(message)


def _file_of(connection: Connection) -> tuple[int, int] | None:
    if os.name == "nt":
        return None
    try:
        status = os.fstat(connection.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _work(caller: Connection, environment: Mapping[str, str], packed: bytes) -> NoReturn:
    """Do a job: all that a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if hasattr(os, "setsid"):
        os.setsid()  # so that it ends with all that it has started
    os.dup2(2, 1)  # what a strategy prints must not end up in the command line's own output
    streams = sys.stdout, sys.stderr  # a strategy may put others in their place
    line = _Line(caller)
    watch.listener = line.send
    threading.Thread(target=_listen, args=(line,), daemon=True).start()
    _forget_the_server(environment)
    answer = _answer(packed)
    for stream in streams:
        with suppress(AttributeError, OSError, ValueError):  # a strategy may have closed it
            stream.flush()
    try:
        line.send(answer)
    finally:
        _end_all()  # Python would wait for every thread that a strategy has left


def _listen(line: _Line) -> None:
    """Wait for the end of whoever waits for the answer, or for the word that this takes too much."""
    try:
        overrun: Overrun = line.connection.recv()
        try:
            answer = _answer_of(watch.explain(overrun))
        except BaseException as error:  # noqa: BLE001 - a strategy may have changed what that needs
            answer = _answer_of(error)
        line.send(answer)
    finally:
        _end_all()


def _end_all() -> NoReturn:
    """End this process, and what it has started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
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
    try:
        work, job = pickle.loads(packed)  # noqa: S301 - the parent's own
        outcome = work(job)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
        return _answer_of(error)
    said = f"returned a {type(outcome).__name__}"
    try:
        return _Answer(pickle.dumps(outcome), said)
    except Exception as error:  # noqa: BLE001 - an object's own ways of being pickled may raise anything
        return _Answer(said=f"a worker {said}, which cannot be pickled: {_said(error)}", error=WorkerError.__name__)
