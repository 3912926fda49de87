"""What a lake on a disk needs and an object store does not: files that appear whole or not at all, and a lock.

Which files, and what is said of them, is the business of `store.py`.
"""

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
    """Write a file beside its place, and put it there when the block ends well and the disk has it.

    Args:
        target: Its place.
        temporaries: A folder on the same disk.

    Yields:
        The file, to be written and read.

    Raises:
        OSError: The disk refused.
    """
    temporary = temporaries / f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex}"
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


def clear_left(temporaries: Path) -> int:
    """Delete what killed writers on this machine left half written; those of living writers stay.

    Args:
        temporaries: As for `write_whole`; need not be there.

    Returns:
        How many files were deleted.
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
    """Hold a lock that the system takes back from a process that dies.

    Args:
        path: A file for it, which stays.
        waiting: Called once where somebody else holds it.

    Raises:
        OSError: The disk refused.
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
        return  # Windows cannot open a folder; its rename is durable on its own terms
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
