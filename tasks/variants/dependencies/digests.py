"""Digests of what lies on the disk: always of content, worked out once for as long as a file is not touched."""

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.lake.fingerprint import digest
from tasks.variants.dependencies.source_code import content_digest, is_source

CHANGED = "changed"
"""In place of a digest, where there were several; it equals none."""

SQLITE_LOG = "-wal"
"""What is appended to an SQLite database's name for the file in which its last changes may wait."""

_PYTHONS = "__pycache__"  # which Python makes wherever it likes
_DIGITS = 16
_PIECE = 1 << 20  # bytes

# A file may change once more without a later time of change, where the clock of the file system has coarse steps.
_SETTLED = 2_000_000_000  # nanoseconds; FAT's step is the coarsest

_Stamp = tuple[int, int, int, int, int]

_known: dict[tuple[str, bool], tuple[_Stamp, str]] = {}


def file_digest(path: str) -> str | None:
    """Digest a file.

    Args:
        path: The file.

    Returns:
        Sixteen hexadecimal digits, None where there is no regular file to read.
    """
    return _digest(path, _of_bytes, is_module=False)


def module_digest(path: str) -> str | None:
    """Digest the file that a module is made from.

    Args:
        path: The file: source, an extension module or a zip archive.

    Returns:
        Sixteen hexadecimal digits, None where there is no such file.
    """
    return _digest(path, _of_module, is_module=True)


def folder_digest(path: str) -> str | None:
    """Digest the names in a folder.

    Args:
        path: The folder.

    Returns:
        Sixteen hexadecimal digits, None where there is no folder to list.
    """
    try:
        return digest(sorted(os.fsencode(entry.name) for entry in Path(path).iterdir() if entry.name != _PYTHONS))
    except (OSError, ValueError):
        return None


def short(path: str | os.PathLike[str]) -> str:
    """Write where a module lies so that it stays true when the working directory moves with all that is in it.

    Args:
        path: Absolute, or from the working directory on.

    Returns:
        The path from the working directory on where it lies there, else absolute.
    """
    absolute, here = Path(path).absolute(), Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def ways_to(path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield by which paths a file or folder is to be looked for again, maybe from another working directory.

    An absolute path may be written out in a strategy, or it may be made as the strategy runs, from where its module or
    the working directory is. Nobody can tell which, so both have to lead to the same.

    Args:
        path: As it was opened.

    Yields:
        The path, from the working directory on where it was given so. Of an absolute one first the way from the working
        directory, unless the two have nothing in common.
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
            return None  # which an SQLite database has while it is open
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
