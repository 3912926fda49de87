"""Digest the content of files and folders; a file's digest is cached until the file is touched."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.lake.fingerprint import digest
from tasks.variants.dependencies.source_code import content_digest, is_source

CHANGED = "changed"
"""Replaces a digest when there were several; equals none."""

SQLITE_LOG = "-wal"
"""Suffix of an SQLite database's write-ahead log, which may contain its last changes."""

_PYTHONS = "__pycache__"  # Python creates it in any folder
_DIGITS = 16
_PIECE = 1 << 20  # bytes

# Within one step of a file system's coarse clock, a file may change again without a later time of change.
_SETTLED = 2_000_000_000  # nanoseconds; FAT's step is the coarsest

_Stamp = tuple[int, int, int, int, int]

_known: dict[tuple[str, bool], tuple[_Stamp, str]] = {}


def file_digest(path: str) -> str | None:
    """Digest a file's bytes.

    Returns:
        Sixteen hexadecimal digits; None if there is no readable regular file.
    """
    return _digest(path, _of_bytes, is_module=False)


def module_digest(path: str) -> str | None:
    """Digest a module's file.

    Args:
        path: Source, an extension module or a zip archive.

    Returns:
        Sixteen hexadecimal digits; None if there is no such file.
    """
    return _digest(path, _of_module, is_module=True)


def folder_digest(path: str) -> str | None:
    """Digest the names in a folder.

    Returns:
        Sixteen hexadecimal digits; None if there is no readable folder.
    """
    try:
        return digest(sorted(os.fsencode(entry.name) for entry in Path(path).iterdir() if entry.name != _PYTHONS))
    except (OSError, ValueError):
        return None


def short(path: str | os.PathLike[str]) -> str:
    """Return a module's path so that it survives moving the working directory with its content.

    Returns:
        Relative to the working directory if below it, else absolute.
    """
    absolute, here = Path(path).absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def ways_to(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield the paths at which to look for a file or folder again, perhaps from another working directory.

    A strategy may have an absolute path written out, or make it from its module's folder or the working directory.
    Which of these is unknown, so both paths have to lead to the same content.

    Args:
        path: As it was opened.

    Yields:
        The path as given; before an absolute one, its path relative to the working directory, if they share a top-level
        folder.
    """
    path = Path(path)
    if path.is_absolute():
        here = Path.cwd()
        if path.is_relative_to(here):
            yield path.relative_to(here).as_posix()
        elif path.parts[:2] == here.parts[:2]:
            yield Path(os.path.relpath(path, here)).as_posix()
    yield path.as_posix()


def _digest(path: str, make: Callable[[str], str], *, is_module: bool) -> str | None:
    key, now = (str(Path(path).absolute()), is_module), time.time_ns()
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return None  # reading a pipe might never end
        if not status.st_size and path.endswith(SQLITE_LOG):
            return None  # an SQLite database has such a log while it is open
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = _known.get(key)
        if known and known[0] == stamp:
            return known[1]
        made = make(path)
    except (OSError, ValueError):
        return None
    if now - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED:
        _known[key] = stamp, made
    return made


def _of_module(path: str) -> str:
    return content_digest(path, Path(path).read_bytes()) if is_source(path) else _of_bytes(path)


def _of_bytes(path: str) -> str:
    hashed = hashlib.sha256()
    with Path(path).open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
    return hashed.hexdigest()[:_DIGITS]
