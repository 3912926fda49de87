"""The entry point of the command `backtest`; an interrupt ends it with one line, at any moment.

It imports almost nothing before it handles Ctrl-C, because the command line's imports take a second or two.
"""

import os
import signal
import sys
import threading
from types import FrameType

from flows.command_line.standard_error import standard_error

_SAID = "interrupted; finished work is kept, run the same command to continue"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# For Prefect to record it, and for workers and server to end. A kill after that leaves a consistent state, too.
_SECONDS_TO_STOP = 10

_DEBUGS = {"--debug", "--watch"}

_interrupted_by: list[int] = []


def main() -> None:
    """Run the command line, until it ends or is interrupted."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    if _DEBUGS.intersection(sys.argv):
        _start_as_workers_do()
    try:
        from flows.command_line.cli import run  # noqa: PLC0415 - see the module's docstring

        run()
    except OSError as error:
        # Commands report their own errors; this one means that nothing can be printed, on a full disk for example.
        _give_up(error)
    finally:
        if _interrupted_by:
            _end(_interrupted_by[0])


def _start_as_workers_do() -> None:
    """Start this process's interpreter again with the environment of worker processes, so that orders are the same."""
    from tasks.machine import reproducible  # noqa: PLC0415 - only here

    environment = reproducible(os.environ)
    # On Windows this would end the process that the terminal waits for.
    if environment != os.environ and os.name != "nt":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - the same command


def _interrupt(number: int, _: FrameType | None) -> None:
    """Print one line and unwind; silence libraries meanwhile, and end anyway if unwinding takes too long."""
    for each in _SIGNALS:
        signal.signal(each, _end)  # a second signal ends at once
    _interrupted_by.append(number)
    standard_error.last_word(_SAID)
    late = threading.Timer(_SECONDS_TO_STOP, _end, _interrupted_by)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _give_up(error: OSError) -> None:
    """Print the error and exit; discard buffered output, which Python would fail to flush with another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.write(2, f"error: {error}{os.linesep}".encode())
    raise SystemExit(1)


def _end(number: int, _: FrameType | None = None) -> None:
    os._exit(128 + number)
