"""Where the command `backtest` begins, and how it ends early: in one line, at any moment.

It imports next to nothing before it listens to Ctrl-C: what the command line needs takes a second or two.
"""

import os
import signal
import threading
from types import FrameType

_SAID = "interrupted; what was finished is kept, the same command goes on"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# For Prefect to hear of it, and for workers and server to end. What a kill at this moment leaves is right, too.
_SECONDS_TO_STOP = 10

_interrupted_by: list[int] = []


def main() -> None:
    """Run the command line, until it ends or is interrupted."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        from flows.command_line.cli import run  # noqa: PLC0415 - see the module's docstring

        run()
    except OSError as error:
        # Whatever a command can tell in a line it has told; this is where nothing can be printed, as on a full disk.
        _give_up(error)
    finally:
        if _interrupted_by:
            _end(_interrupted_by[0])


def _interrupt(number: int, _: FrameType | None) -> None:
    """Say so and unwind; libraries say no more meanwhile, and may neither prevent the end nor delay it for long."""
    for each in _SIGNALS:
        signal.signal(each, _end)  # whoever asks twice has waited long enough
    _interrupted_by.append(number)
    # Not by the stream, which may be in the middle of a line.
    os.write(2, f"{os.linesep if os.isatty(2) else ''}{_SAID}{os.linesep}".encode())
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    late = threading.Timer(_SECONDS_TO_STOP, _end, _interrupted_by)
    late.daemon = True
    late.start()
    raise KeyboardInterrupt


def _give_up(error: OSError) -> None:
    """Say what the system said, and nothing more: what is still to be printed can't be, which Python would say, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.write(2, f"error: {error}{os.linesep}".encode())
    raise SystemExit(1)


def _end(number: int, _: FrameType | None = None) -> None:
    os._exit(128 + number)
