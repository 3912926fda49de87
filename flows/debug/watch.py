"""Replay again whenever a strategy's file is saved, each time in a fork: it alone imports the strategy.

The files are looked at rather than reported by the system: a handful of `stat` calls twenty times a second cost next to
nothing, see an editor's rename as well as its write, and need no further package.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

from flows.command_line.terminal import say
from flows.strategy_text import read_strategy
from tasks.errors import InputError
from tasks.variants.dependencies.module_files import file_of, find_module
from tasks.variants.dependencies.own_modules import executed_files
from tasks.variants.own_strategy import import_path

INTERRUPTED = 128 + signal.SIGINT

_SECONDS_BETWEEN_LOOKS = 0.05

_State = tuple[int, int, int] | None


def own_files(strategies: Sequence[str]) -> set[str]:
    """Return the files of the user's own strategies, without importing them.

    Args:
        strategies: As they were written.

    Raises:
        InputError: None is the user's own, a file is missing, or this system has no fork.
    """
    if not hasattr(os, "fork"):
        raise InputError("--watch needs Linux or macOS; --debug replays once")
    names = [read_strategy(text)[0] for text in strategies]
    modules = [import_path(name).partition(":")[0] for name in names if ":" in name or name.endswith(".py")]
    if not modules:
        raise InputError("--watch needs a strategy of your own: --strategy path/to/my.py:MyStrategy")
    return {file for module in modules if (spec := find_module(module)) and (file := file_of(spec))}


def watch(replay: Callable[[], int], files: Iterable[str]) -> int:
    """Replay, and again at each save of a file or of one that it imported, until interrupted.

    Args:
        replay: Returns an exit status.
        files: The strategies'.

    Returns:
        The exit status.
    """
    seen = _states(files)
    while True:
        status, executed = _in_a_fork(replay)
        if status == INTERRUPTED or not (executed or seen):
            return status
        seen = {**_states(executed), **seen}
        say(f"Watching {_names(seen)}; Ctrl-C ends.")
        saved = _wait(seen)
        seen |= saved
        say("")
        say(f"{_names(saved)} saved:")


def _names(files: Iterable[str]) -> str:
    return ", ".join(sorted({Path(file).name for file in files}))


def _in_a_fork(replay: Callable[[], int]) -> tuple[int, list[str]]:
    """Return a replay's exit status, and the files of the modules it imported."""
    with TemporaryFile() as report:
        sys.stdout.flush()
        sys.stderr.flush()
        # Ctrl-C reaches both; it is the child's, which may be in a debugger.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = 1
            try:
                status = replay()
                report.write(json.dumps(executed_files()).encode())
                report.flush()
                sys.stdout.flush()
            finally:
                os._exit(status)
        signal.signal(signal.SIGTERM, lambda number, _: _end_both(child, number))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        report.seek(0)
        return 128 - status if status < 0 else status, json.loads(report.read() or b"[]")


def _end_both(child: int, number: int) -> NoReturn:
    os.kill(child, number)
    os._exit(128 + number)


def _wait(seen: Mapping[str, _State]) -> dict[str, _State]:
    """Wait until a file is another and stays it from one look to the next; return those that are."""
    before: dict[str, _State] = {}
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        now: dict[str, _State] = {
            file: state for file, state in _states(seen).items() if state not in (None, seen[file])
        }
        if now and now == before:
            return now
        before = now


def _states(files: Iterable[str]) -> dict[str, _State]:
    return {file: _state(file) for file in files}


def _state(file: str) -> _State:
    try:
        found = Path(file).stat()
    except OSError:
        return None  # an editor may be replacing it
    return found.st_mtime_ns, found.st_size, found.st_ino
