"""Worker processes for CPU-bound jobs: a new process for each job, so that jobs are isolated from each other.

Workers never import Prefect, and end together with their caller, with all processes they started. A worker that dies,
killed when memory runs out for example, loses only its own job, which a second worker retries. The caller enforces the
limits of a job's current step (`watch.py`), because a stopped or hanging process cannot.
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
from tasks.machine import reproducible
from tasks.watch import Overrun, Step, watch

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

logger = logging.getLogger("backtest")

J = TypeVar("J")
T = TypeVar("T")

# If the system has fork, workers are forked from a server that has imported these. Nothing that only users' strategies
# import: a package that starts threads on import would hang in every fork.
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

_SECONDS_BETWEEN_LOOKS = 0.25
# A longer interval means that this process was stopped, or the machine asleep.
_MOST_SECONDS_BETWEEN_LOOKS = 1.0
# For a worker to say where it is, which it cannot while C code holds the GIL.
_SECONDS_TO_EXPLAIN = 10.0
_SECONDS_TO_END = 5.0
# For a process that was stopped, by SIGSTOP for example; does not count towards a step's time.
_MOST_SECONDS_STOPPED = 60.0
_MEGABYTE = 1e6

# Until the worker reports its first step: milliseconds after a fork, seconds without.
_START = Step("its start", 600.0)

# Limits on the length of an error's message and its traceback.
_CHARACTERS = 1_000
_CHARACTERS_OF_A_TRACEBACK = 10_000
_CHARACTERS_OF_AN_ERROR = _CHARACTERS + _CHARACTERS_OF_A_TRACEBACK + 100


@contextmanager
def worker_pool(width: int) -> Iterator["WorkerPool"]:
    """Open a pool of worker processes, each started on demand.

    Args:
        width: The number of concurrent jobs, at least 1.

    Yields:
        The pool. On leaving the block, running jobs are awaited; if an exception leaves it, they are killed.
    """
    pool = WorkerPool(width)
    try:
        yield pool
        pool.close()
    except BaseException:
        pool.stop()
        raise


def start_server_ahead() -> None:
    """Start the fork server on a thread, so that it has imported what workers need by the first job."""
    if _FORKS:
        threading.Thread(target=_start_server).start()


def _start_server() -> None:
    from multiprocessing.forkserver import ensure_running  # noqa: PLC0415 - not there without fork

    _prepare()
    with _starting, _no_main_module(), _without_interrupts():
        ensure_running()


def _prepare() -> None:
    # Stays in the environment, because an interpreter may start at any time.
    os.environ.update(reproducible(os.environ))
    if _FORKS:
        _CONTEXT.set_forkserver_preload(_PRELOADED)


class WorkerPool:
    """The `Executor` of one machine, with a process per job; from `worker_pool`.

    Attributes:
        width: The number of concurrent jobs.
        most: The same.
    """

    def __init__(self, width: int) -> None:
        _prepare()
        self.width = self.most = width
        self._free = threading.Semaphore(width)
        self._running: set[BaseProcess] = set()
        self._is_closed = False

    def run(self, work: Callable[[J], T], job: J, passed: Callable[[int], object] | None = None) -> T:
        """Run `work(job)` in a new process and wait for its result; retry once if the process dies. Thread-safe.

        The process has this one's current environment variables, working directory and `sys.path`, but not its main
        module. Exceptions return as text only, because their classes may not exist here.

        Args:
            work: A module-level function.
            job: Its argument.
            passed: Called with how many of the job's markets or members are done whenever it tells of a step.

        Raises:
            BacktestError: It raised one of this project's exceptions; a note has the worker's traceback.
            JobError: It raised any other exception.
            WorkerError: The second process died too or exceeded a limit, or the result cannot be pickled.
            RuntimeError: The pool is closed, or was closed while the job was running.
        """
        packed = pickle.dumps((work, job))
        with self._free:
            answer = self._ask(packed, passed)
            if isinstance(answer, str) and not self._is_closed:
                logger.warning("a worker %s; running its task again", answer)
                answer = self._ask(packed, passed)
        if not isinstance(answer, str):
            return cast("T", answer.outcome())
        if self._is_closed:
            raise RuntimeError("the pool was closed while the job was running")
        raise WorkerError(f"two workers died running this task; the second {answer}")

    def close(self) -> None:
        """Wait for running jobs, and accept no more."""
        self._is_closed = True
        with ExitStack() as places:
            for _ in range(self.width):
                places.enter_context(self._free)

    def stop(self) -> None:
        """Kill running jobs, and accept no more."""
        self._is_closed = True
        with _starting:
            for process in self._running:
                _kill(process)
        self.close()

    def _ask(self, packed: bytes, passed: Callable[[int], object] | None) -> "_Answer | str":
        """Run a job in one process; return its answer, or what became of the process if there is none."""
        ours, its = Pipe()
        process = _CONTEXT.Process(target=_work, args=(its, dict(os.environ), packed))
        waited = None
        try:
            with its, _starting, _no_main_module():
                if self._is_closed:
                    raise RuntimeError("the pool is closed")
                _start(process)
                self._running.add(process)
            waited = _Waiting(ours, process, passed)
            return waited.answer()
        except (EOFError, ConnectionError):
            return "died on start"
        finally:
            self._end(process)
            if waited is not None:
                waited.close()
            # Raises ValueError if the process cannot even be killed, in an uninterruptible wait for a disk for example.
            with _starting, suppress(ValueError):
                process.close()
            ours.close()  # also ends a worker whose server has died, and whose state is unknown

    def _end(self, process: BaseProcess) -> None:
        with _starting:
            self._running.discard(process)
            if process.pid is not None:
                _kill(process)
                process.join(_SECONDS_TO_END)


def _kill(process: BaseProcess) -> None:
    """Kill a worker and all processes it started: they form a process group with the worker's id."""
    if hasattr(os, "killpg") and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


class _Waiting:
    """Waits for the answer of a worker process and enforces its limits."""

    def __init__(self, connection: Connection, process: BaseProcess, passed: Callable[[int], object] | None) -> None:
        self._connection, self._process, self._end = connection, process, process.sentinel
        self._said: queue.SimpleQueue[Step | _Answer | None] = queue.SimpleQueue()
        self._step, self._passed = _START, passed
        self._seconds = self._seconds_stopped = self._seconds_dead = 0.0
        self._overrun: Overrun | None = None
        self._seconds_to_explain = 0.0
        # In a thread, because a message can be incomplete if the process is stopped in the middle.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def close(self) -> None:
        """Stop listening to a process that has ended."""
        self._listener.join(_SECONDS_TO_END)

    def answer(self) -> "_Answer | str":
        """Wait for the answer; return why if there is none."""
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
                if self._passed is not None:
                    self._passed(said.passed)
                continue
            now = time.monotonic()
            why_not = self._look(min(now - looked, _MOST_SECONDS_BETWEEN_LOOKS))
            looked = now
            if why_not:
                return why_not

    def _listen(self) -> None:
        # Also wait for the process itself: a child that a strategy started may hold the connection open.
        ends: list[Connection | int] = [self._connection, self._end]
        try:
            while self._connection in (ready := wait(ends)) or not self._is_dead():
                if self._connection in ready:
                    self._said.put(self._connection.recv())
                else:
                    ends = [self._connection]  # only its server has died
        except (EOFError, OSError):
            wait([self._end], _SECONDS_TO_END)
        self._said.put(None)

    def _is_dead(self) -> bool:
        """Return whether the process has ended; the sentinel also fires if only its server has died."""
        if not wait([self._end], 0):
            return False
        try:
            return psutil.Process(self._process.pid).status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
        except psutil.Error:
            return True

    def _look(self, seconds: float) -> str:
        """Add the elapsed time to the counters; return why the process has to be killed, or an empty text."""
        if self._is_dead():
            self._seconds_dead += seconds  # its last message may still be on its way
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
        longer = f"; raise {step.parameter}" if step.parameter else ""
        return Overrun(f"more than {step.seconds:g} s", longer)
    if megabytes > step.megabytes:
        more = "; raise worker_megabytes"
        return Overrun(f"{megabytes:.0f} MB of memory, of {step.megabytes:.0f}", more)
    return None


# Serialises the start and end of processes: `_no_main_module` replaces a global, and `multiprocessing` reaps all
# children on each start, which is not thread-safe.
_starting = threading.Lock()


def _start(process: BaseProcess) -> None:
    """Start a process; retry while a dead server is being replaced."""
    with _without_interrupts(), _no_stopped_server():
        Retrying(
            stop=stop_after_attempt(_STARTS),
            wait=wait_fixed(_SECONDS_BETWEEN_STARTS),
            retry=retry_if_exception_type((EOFError, ConnectionError)),
            reraise=True,
        )(process.start)


@contextmanager
def _no_stopped_server() -> Iterator[None]:
    """Kill the fork server if it stays stopped, because waiting for it would hang."""
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
                logger.warning("the fork server was stopped for %g s; killing it", _MOST_SECONDS_STOPPED)
                child.kill()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block SIGINT, so that a server started here ignores Ctrl-C even while it imports; the parent ends it."""
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
    """Keep new processes from running the parent's main module, which may be Prefect's engine."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Answer(NamedTuple):
    """A worker's answer.

    Attributes:
        packed: The job's result, pickled; empty if it raised or cannot be pickled.
        said: The exception's text, or a description of the result.
        error: The exception's class in `tasks.errors`; empty on success.
        variant: As in `ReplayError`.
        note: The traceback.
    """

    packed: bytes = b""
    said: str = ""
    error: str = ""
    variant: str = ""
    note: str = ""

    def outcome(self) -> object:
        """Return the job's result, or raise its error."""
        if self.error:
            raise self._raised()
        try:
            return pickle.loads(self.packed)  # noqa: S301 - a worker's own
        except Exception as error:  # noqa: BLE001 - a class's own unpickling may raise anything
            raise WorkerError(f"a worker {self.said}, which cannot be unpickled: {_said(error)}") from None

    def _raised(self) -> BacktestError:
        kind = getattr(errors, self.error)
        error: BacktestError = kind(self.said, self.variant) if kind is ReplayError else kind(self.said)
        error.add_note(f"In the worker: {self.note}")
        return error


def _said(error: BaseException) -> str:
    """Return an exception's text, even if its own `__str__` fails."""
    try:
        return "".join(traceback.format_exception_only(error)).strip()[:_CHARACTERS]
    except BaseException:  # noqa: BLE001 - as above
        return type(error).__name__[:_CHARACTERS]


def _answer_of(error: BaseException) -> _Answer:
    """Turn an exception into text: its class may not exist in the caller, or may do anything when unpickled."""
    try:
        note = "".join(traceback.format_tb(error.__traceback__))[-_CHARACTERS_OF_A_TRACEBACK:]
    except BaseException:  # noqa: BLE001 - a strategy may have patched what this uses
        note = ""
    kind = type(error)
    if kind.__module__ != errors.__name__ or not isinstance(error, BacktestError):
        return _Answer(said=_said(error), error=JobError.__name__, note=f"{note}{_said(error)}")
    variant = error.variant if isinstance(error, ReplayError) else ""
    return _Answer(said=str(error)[:_CHARACTERS_OF_AN_ERROR], error=kind.__name__, variant=variant, note=note)


class _Line:
    """The worker's end of the connection, which only the worker itself may use."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._owner, self._sending = os.getpid(), threading.Lock()
        self._file = _file_of(connection)

    def send(self, message: "Step | _Answer") -> None:
        if os.getpid() != self._owner:
            os._exit(0)  # a strategy has forked, and this is the child
        if _file_of(self.connection) != self._file:
            os._exit(1)  # a strategy has closed the connection, and its descriptor may be another file
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
    """Run one job: the main function of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if hasattr(os, "setsid"):
        os.setsid()  # so that it can be killed with all processes it started
    os.dup2(2, 1)  # so that what a strategy prints does not mix with the command line's output
    streams = sys.stdout, sys.stderr  # a strategy may replace them
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
        _end_all()  # a normal exit would wait for threads that a strategy left running


def _listen(line: _Line) -> None:
    """Wait for a notice of an overrun, and answer with an error; end if the caller ends."""
    try:
        overrun: Overrun = line.connection.recv()
        try:
            answer = _answer_of(watch.explain(overrun))
        except BaseException as error:  # noqa: BLE001 - a strategy may have patched what this uses
            answer = _answer_of(error)
        line.send(answer)
    finally:
        _end_all()


def _end_all() -> NoReturn:
    """Kill this process and all processes it started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _forget_the_server(environment: Mapping[str, str]) -> None:
    """Update state that a fork inherits from its older server: environment, time zone, import caches, random state."""
    os.environ.clear()
    os.environ.update(environment)
    if hasattr(time, "tzset"):
        time.tzset()
    importlib.invalidate_caches()  # for modules written since
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # Python reseeds its own generator after a fork


def _answer(packed: bytes) -> _Answer:
    try:
        work, job = pickle.loads(packed)  # noqa: S301 - the parent's own
        outcome = work(job)
    except BaseException as error:  # noqa: BLE001 - the caller handles it
        return _answer_of(error)
    said = f"returned a {type(outcome).__name__}"
    try:
        return _Answer(pickle.dumps(outcome), said)
    except Exception as error:  # noqa: BLE001 - a class's own pickling may raise anything
        return _Answer(said=f"a worker {said}, which cannot be pickled: {_said(error)}", error=WorkerError.__name__)
