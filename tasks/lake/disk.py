"""Atomic writes and a lock, for a lake on a disk; an object store needs neither."""

import os
import platform
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
from filelock import FileLock, Timeout

_WRITER = re.compile(r"(?P<host>.*)\.(?P<pid>\d+)\.[0-9a-f]{32}")
_SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def write_whole(target: Path, temporaries: Path) -> Iterator[IO[bytes]]:
    """Write a file atomically: to a temporary file, renamed after fsync if the block succeeds.

    Args:
        target: The final path.
        temporaries: A folder on the same file system.

    Yields:
        The file, open for writing and reading.

    Raises:
        OSError: An I/O failure.
    """
    temporary = temporaries / _name()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporaries.mkdir(exist_ok=True)
        with temporary.open("w+b") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def marked(temporaries: Path) -> Iterator[str]:
    """Keep an empty file of a name that nobody else has, so that who sees it sees this folder.

    Args:
        temporaries: As for `write_whole`.

    Yields:
        The file's name; it is deleted after the block, or by `clear_left` if this process is killed.

    Raises:
        OSError: An I/O failure.
    """
    temporaries.mkdir(parents=True, exist_ok=True)
    mark = temporaries / _name()
    mark.touch(exist_ok=False)
    try:
        yield mark.name
    finally:
        with suppress(OSError):
            mark.unlink(missing_ok=True)


def _name() -> str:
    """Return a new file's name, which says who writes it."""
    return f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex}"


def clear_left(temporaries: Path) -> int:
    """Delete temporary files of dead processes on this machine; keep those of live ones.

    Args:
        temporaries: As for `write_whole`; need not exist.

    Returns:
        The number of files deleted.
    """
    left = 0
    for path in temporaries.iterdir() if temporaries.is_dir() else ():
        written_by = _WRITER.fullmatch(path.name)
        if written_by and written_by["host"] == platform.node() and not psutil.pid_exists(int(written_by["pid"])):
            path.unlink(missing_ok=True)
            left += 1
    return left


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a file lock; the operating system releases it if the process dies.

    Args:
        path: The lock file; it is not deleted.
        waiting: Called once if another process holds the lock.

    Raises:
        OSError: An I/O failure.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, poll_interval=_SECONDS_BETWEEN_TRIES)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open, and so not fsync, a folder
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
