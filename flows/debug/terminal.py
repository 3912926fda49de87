"""`backtest run --debug` and `--watch`: how a replay in the terminal's own process begins, and how it ends."""

import signal
import sys
from bdb import BdbQuit
from collections.abc import Callable, Sequence
from functools import partial

from flows.command_line.debug_options import Ask
from flows.command_line.terminal import say, say_error
from flows.debug.markets import read_markets
from flows.debug.replay import debug
from flows.debug.watch import INTERRUPTED, own_files, watch
from tasks.errors import BacktestError
from tasks.simulation.blame import trace


def run(ask: Ask, strategies: Sequence[str], *, again: bool) -> int:
    """Replay strategies in this process, once or at each save of their files.

    Args:
        ask: Makes the parameters.
        strategies: As they were written.
        again: Whether to watch the files.

    Returns:
        The exit status.

    Raises:
        InputError: The markets cannot be read, or there is no file to watch.
    """
    # Python's own, so that a debugger can take Ctrl-C, and nobody is told of finished work: there is none.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        files = own_files(strategies) if again else ()
        replay = partial(_replay, partial(debug, ask, strategies, read_markets(ask(()))))
        status = watch(replay, files) if again else replay()
    except KeyboardInterrupt:
        status = INTERRUPTED
    if status == INTERRUPTED:
        if sys.stderr.isatty():
            sys.stderr.write("\n")  # after the terminal's ^C
        say("interrupted", is_error=True)
    return status


def _replay(debug: Callable[[], None]) -> int:
    try:
        debug()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BdbQuit:
        return 1
    except BacktestError as error:
        return say_error(error)
    except BaseException as error:  # noqa: BLE001 - a strategy may raise anything
        sys.stdout.flush()
        sys.stderr.write(trace(error))
        return 1
    return 0
