"""Detect what strategies open, by Python's audit events: `open`, links, listings, SQLite databases.

No event is raised when a library's C code opens a file (pyarrow, DuckDB), when a strategy only asks whether a file
exists, or in a process that a strategy starts.
"""

import os
import stat
import sys
import threading
import urllib.parse
import zoneinfo
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import Any

from tasks.variants.dependencies import digests, opened_files, own_modules
from tasks.variants.dependencies.callers import callers, is_importing, is_installed, is_pythons
from tasks.variants.dependencies.opened_files import Opened, recorder
from tasks.variants.running import running

_OPEN, _CONNECT, _RENAME = "open", "sqlite3.connect", "os.rename"
_LINKS = ("os.link", "os.symlink")
_UNRAISABLE = "sys.unraisablehook"
_LISTINGS = ("os.listdir", "os.scandir")
_EVENTS = frozenset({_OPEN, _CONNECT, _RENAME, *_LINKS, *_LISTINGS, _UNRAISABLE})

# The system's files, which change at every read or are the same everywhere.
_NO_INPUT = ("/proc/", "/sys/", "/dev/", *(f"{folder}/" for folder in zoneinfo.TZPATH))
_IN_MEMORY = "/dev/shm/"  # noqa: S108 - contains ordinary files

# Parts of the import system, and modules that merely pass an opening on.
_IMPORTING = ("importlib.metadata", "zipimport")
_LOADER, _EXECUTING = "importlib._bootstrap", "get_code"
_LINES = "linecache"
_SOURCES = (".py", ".pyc")
_BETWEEN = frozenset({"pathlib", "tokenize", "zipfile"})

# Modules that print source lines but do not return them to a strategy.
_SHOWING = frozenset({"threading", "traceback", "warnings"})

# Creates files with unique names.
_TEMPORARY = "tempfile"

# Packages that call strategies, and those of their modules that open files themselves.
_CALLING = ("tasks.simulation.", "tasks.variants.")
_LOOKING = frozenset({digests.__name__, opened_files.__name__, own_modules.__name__})


class _State(threading.local):
    """State of a thread.

    Attributes:
        is_busy: Whether it is in the hook, which opens files itself.
        shows: The instruction at which the interpreter itself, without a visible call, prints the source lines of an
            unraisable error.
    """

    is_busy = False
    shows: tuple[int, int] | None = None


_state = _State()
_is_recording = threading.Event()


def record_opened_files() -> None:
    """Report to the recorder what is opened from now on; a second call does nothing."""
    if not _is_recording.is_set():
        _is_recording.set()
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Handle an event; an error here must not reach the strategy."""
    if event not in _EVENTS or _state.is_busy:
        return
    _state.is_busy = True
    try:
        _take(event, arguments, sys._getframe(1))  # noqa: SLF001 - no public function returns the caller
    except Exception:  # noqa: BLE001
        recorder.spoiled.add(running.variant)  # calls no Python function, as the recursion limit may be the cause
    finally:
        _state.is_busy = False


def _take(event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
    if event == _UNRAISABLE:
        _state.shows = _instruction(frame)
        return
    names = _openers(frame)
    given = arguments[0]
    if not names or (isinstance(given, int) and event not in _LISTINGS):  # a file descriptor, noted when it was opened
        return
    path = _opened_as(given) if isinstance(given, int) else os.fsdecode(os.curdir if given is None else given)
    place = str(Path(path).absolute())
    if is_installed(place) or is_pythons(place) or _is_no_input(place) or _is_importing(frame, event, place):
        return
    reader, _ = next(_calls(frame))
    if reader == _LINES:
        # It caches the lines, so the next reader opens nothing.
        names = {*names, *own_modules.executed_from(place)}
    for opened in map(recorder.opened_by, names):
        if event == _OPEN:
            _note_open(opened, path, flags=arguments[2], is_new=reader == _TEMPORARY)
        else:
            _note(opened, event, path, arguments[1:])


def _opened_as(descriptor: int) -> str:
    """Return the path of an open folder.

    Raises:
        OSError: The system does not tell.
    """
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - not there on Windows

        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _is_no_input(path: str) -> bool:
    return path.startswith(_NO_INPUT) and not path.startswith(_IN_MEMORY)


def _openers(frame: FrameType) -> Iterable[str]:
    """Return who opens: the modules of an import, or the running variant; empty if neither."""
    if not running.variant and not is_importing(frame):
        return ()
    who = callers(frame)
    if not who.engine and not who.bodies:
        # A thread; it belongs to the module whose import waits for it, if there is one.
        waiting = [callers(other) for other in sys._current_frames().values() if is_importing(other)]  # noqa: SLF001 - as above
        who = next((other for other in waiting if other.bodies), who)
    if who.bodies:
        return who.modules
    # An installed strategy is not among the user's own modules, and no engine module calls its threads.
    is_called = not who.engine or (who.engine.startswith(_CALLING) and who.engine not in _LOOKING)
    return (running.variant,) if running.variant and (who.modules or is_called) else ()


def _is_importing(frame: FrameType, event: str, path: str) -> bool:
    """Return whether Python is searching for modules, or reading their source to execute or to print it."""
    reader, _ = next(_calls(frame))
    if reader.startswith(_IMPORTING) or event != _OPEN:
        return reader.startswith((*_IMPORTING, _LOADER))
    if not path.endswith(_SOURCES):
        return False
    if reader.startswith(_LOADER):
        # Strategies may read through the loader too: a module's source, or data beside it.
        within = takewhile(lambda call: call[0].startswith(_LOADER), _calls(frame))
        return any(function == _EXECUTING for _, function in within)
    if _state.shows == _instruction(frame):
        return True
    asking = next((module for module, _ in _calls(frame) if module != _LINES), "")
    return asking in _SHOWING


def _instruction(frame: FrameType) -> tuple[int, int]:
    return id(frame), frame.f_lasti


def _calls(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    """Yield the calls that led to an opening, innermost first, without modules that merely pass it on.

    Yields:
        Names of module and function; a pair of empty ones if there is no such call.
    """
    is_any = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.partition(".")[0] not in _BETWEEN:
            is_any = True
            yield name, frame.f_code.co_name
        frame = frame.f_back
    if not is_any:
        yield "", ""


def _note(opened: Opened, event: str, path: str, arguments: tuple[Any, ...]) -> None:
    if event == _RENAME:
        opened.note_renamed(path, os.fsdecode(arguments[0]))
    elif event in _LINKS:
        opened.note_file(path)
        opened.note_made(os.fsdecode(arguments[0]))
    elif event == _CONNECT:
        for file in _database_files(path):
            opened.note_file(file)
    else:
        opened.note_folder(path)


def _note_open(opened: Opened, path: str, flags: int, *, is_new: bool) -> None:
    if flags & os.O_TRUNC or is_new:
        opened.note_written(path)
    elif flags & os.O_EXCL:
        opened.note_made(path)
    elif flags & (os.O_WRONLY | os.O_RDWR) == os.O_WRONLY:
        opened.note_written_on(path)
    elif _may_be_file(path):
        opened.note_file(path)


def _may_be_file(path: str) -> bool:
    try:
        return stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError):
        return True  # the strategy may depend on its absence


def _database_files(database: str) -> Iterator[str]:
    """Yield the files of an SQLite database: its own and the write-ahead log."""
    if database.startswith("file:"):
        database = urllib.parse.unquote(urllib.parse.urlsplit(database).path)
    if database and database != ":memory:":
        yield database
        yield database + digests.SQLITE_LOG
