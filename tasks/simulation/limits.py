"""How long a replay may take and how much memory: a strategy that loops or leaks is stopped where it is, by name.

What is then done with the other variants is the stage's business.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

import psutil

_SECONDS_BETWEEN_LOOKS = 0.5
# For a strategy deep in a library's C code, which is interrupted only when it comes back.
_SECONDS_OF_GRACE = 30.0
_MEGABYTE = 1e6


class Limits(NamedTuple):
    """What the replay of a chunk may take.

    Attributes:
        seconds: Of time.
        megabytes: Of memory of its process, as the system counts it (RSS).
    """

    seconds: float
    megabytes: float


NO_LIMITS = Limits(math.inf, math.inf)


class LimitError(BaseException):
    """A replay went beyond a limit; no `Exception`, so that a strategy which catches those does not catch this."""


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Raise `LimitError` in what the main thread is doing when it goes beyond a limit; elsewhere nothing is limited.

    Where it cannot be interrupted the process ends. Windows has no signal for it, and no limits.

    Args:
        limits: The limits.
    """
    if os.name == "nt" or threading.current_thread() is not threading.main_thread():
        yield
        return
    reasons: list[str] = []
    done = threading.Event()

    def interrupt(*_: object) -> NoReturn:
        raise LimitError(reasons[0])

    def watch() -> None:
        process, started = psutil.Process(), time.monotonic()
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            reason = _beyond(limits, time.monotonic() - started, process.memory_info().rss / _MEGABYTE)
            if reason:
                reasons.append(reason)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                if not done.wait(_SECONDS_OF_GRACE):
                    os._exit(1)
                return

    before = signal.signal(signal.SIGUSR1, interrupt)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


def _beyond(limits: Limits, seconds: float, megabytes: float) -> str:
    if seconds > limits.seconds:
        return f"more than {limits.seconds:g} s for one chunk; a larger chunk_seconds gives it longer"
    if megabytes > limits.megabytes:
        return f"{megabytes:.0f} MB of memory, of {limits.megabytes:.0f}; a larger worker_megabytes gives it more"
    return ""
