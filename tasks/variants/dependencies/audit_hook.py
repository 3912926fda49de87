"""Notices what strategies open, by the audit events that Python raises: `open`, listings of folders, SQLite databases.

There is no event where a library's own C code opens a file, as pyarrow's and DuckDB's does, nor where a strategy only
asks whether a file exists, nor from a process that a strategy starts.
"""

import os
import stat
import sys
import threading
import urllib.parse
import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tasks.variants.dependencies import digests, opened_files
from tasks.variants.dependencies.callers import callers, is_importing, is_installed, is_pythons
from tasks.variants.dependencies.opened_files import Opened, recorder
from tasks.variants.running import running

_OPEN, _CONNECT, _RENAME = "open", "sqlite3.connect", "os.rename"
_EVENTS = frozenset({_OPEN, _CONNECT, _RENAME, "os.listdir", "os.scandir"})

# The system's, which are other at every look or the same everywhere.
_NO_INPUT = ("/proc/", "/sys/", "/dev/", *(f"{folder}/" for folder in zoneinfo.TZPATH))
_IN_MEMORY = "/dev/shm/"  # noqa: S108 - where files lie like any

# What belongs to importing, and what merely stands between it and a file.
_IMPORTING = ("importlib.metadata", "zipimport")
_READING_SOURCE = ("importlib._bootstrap", "linecache")
_SOURCES = (".py", ".pyc")
_BETWEEN = frozenset({"pathlib", "tokenize", "zipfile"})

# What calls strategies, but for those parts of it that look at files themselves.
_CALLING = ("tasks.simulation.", "tasks.variants.")
_LOOKING = frozenset({digests.__name__, opened_files.__name__})


class _State(threading.local):
    """Whether this thread is in the hook, which opens files itself."""

    is_busy = False


_state = _State()
_is_recording = threading.Event()


def record_opened_files() -> None:
    """Have the recorder told what is opened from now on; a second call does nothing."""
    if not _is_recording.is_set():
        _is_recording.set()
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Take an event; whatever goes wrong is not the strategy's."""
    if event not in _EVENTS or _state.is_busy:
        return
    _state.is_busy = True
    try:
        _take(event, arguments, sys._getframe(1))  # noqa: SLF001 - nothing public tells who calls
    except Exception:  # noqa: BLE001
        recorder.spoiled.add(running.variant)  # calls no Python, of which it may have been one call too many
    finally:
        _state.is_busy = False


def _take(event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
    names = _openers(frame)
    given = arguments[0]
    if not names or isinstance(given, int):  # a number is a file that is open already
        return
    path = str(Path(os.fsdecode(os.curdir if given is None else given)).absolute())
    if is_installed(path) or is_pythons(path) or _is_no_input(path) or _is_importing(frame, event, path):
        return
    for opened in map(recorder.opened_by, names):
        if event == _OPEN:
            _note_open(opened, path, flags=arguments[2])
        elif event == _RENAME:
            opened.note_renamed(path, os.fsdecode(arguments[1]))
        elif event == _CONNECT:
            for file in _database_files(os.fsdecode(given)):
                opened.note_file(file)
        else:
            opened.note_folder(path)


def _is_no_input(path: str) -> bool:
    return path.startswith(_NO_INPUT) and not path.startswith(_IN_MEMORY)


def _openers(frame: FrameType) -> Iterable[str]:
    """Return whose opening it is: a module's that is being imported, a strategy's, or nobody's of interest."""
    if not running.variant and not is_importing(frame):
        return ()
    who = callers(frame)
    if not who.engine and not who.bodies:
        # A thread: of a module that waits for it, as it is imported, where there is one.
        waiting = [callers(other) for other in sys._current_frames().values() if is_importing(other)]  # noqa: SLF001 - as above
        who = next((other for other in waiting if other.bodies), who)
    if who.bodies:
        return who.modules
    # A strategy may be installed, and so not be among a user's own modules; its threads are called by nobody.
    is_called = not who.engine or (who.engine.startswith(_CALLING) and who.engine not in _LOOKING)
    return (running.variant,) if running.variant and (who.modules or is_called) else ()


def _is_importing(frame: FrameType | None, event: str, path: str) -> bool:
    """Return whether it is Python that looks for modules, or reads their source to execute or to show it."""
    name = ""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.partition(".")[0] not in _BETWEEN:
            break
        frame = frame.f_back
    is_source = event != _OPEN or path.endswith(_SOURCES)
    return name.startswith(_IMPORTING) or (is_source and name.startswith(_READING_SOURCE))


def _note_open(opened: Opened, path: str, flags: int) -> None:
    if flags & (os.O_TRUNC | os.O_EXCL):
        opened.note_written(path)
    elif flags & (os.O_WRONLY | os.O_RDWR) == os.O_WRONLY:
        opened.note_written_on(path)
    elif _may_be_file(path):
        opened.note_file(path)


def _may_be_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return True  # it may depend on there being none


def _database_files(database: str) -> Iterator[str]:
    """Give an SQLite database's file, and that in which its last changes may wait."""
    if database.startswith("file:"):
        database = urllib.parse.unquote(urllib.parse.urlsplit(database).path)
    if database and database != ":memory:":
        yield database
        yield database + digests.SQLITE_LOG
