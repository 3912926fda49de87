"""The inbox: a folder where archives arrive, and which of them are whole.

Whether an archive was backtested already, and what follows from that, is the flows' business.
"""

import posixpath
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import ArchiveError, InputError
from tasks.extraction.archive import archive_name, check_exists, read_index
from tasks.extraction.market_files import market_of

SETTLE_SECONDS = 5.0
PATIENCE_SECONDS = 3600.0

# By the end of the ending: `.tar.gz` and `.tgz` are one kind.
_COMPRESSIONS = {"gz": "gzip", "bz2": "bz2"}

# A tar is padded to its block size, which is 10 kB and in practice never above this.
_PADDING_LIMIT = 1 << 20

_PIECE = 1 << 20
_MEGABYTE = 1e6


class State(StrEnum):
    """How far an archive is."""

    WHOLE = "whole"
    ARRIVING = "still arriving"
    BROKEN = "broken"


class Candidate(NamedTuple):
    """What looks like an archive, after two looks at it.

    Attributes:
        address: A path or an fsspec URL.
        name: What the lake calls it.
        bytes: Its size, of a folder that of all files in it.
        modified: When it was last written to, of a folder any file in it.
        settled: Whether both looks saw the same.
        namesake: An older one's address that the lake would call the same; empty where there is none.
    """

    address: str
    name: str
    bytes: int
    modified: datetime
    settled: bool
    namesake: str = ""


class Verdict(NamedTuple):
    """Whether an archive can be taken.

    Attributes:
        state: How far it is.
        sentence: Why, in one line that begins with its address.
    """

    state: State
    sentence: str


class _Look(NamedTuple):
    bytes: int
    modified: datetime
    files: int


def make_inbox(inbox: str) -> None:
    """Make the folder if it is a local one; an object store has none until something lies in it.

    Args:
        inbox: A path or an fsspec URL.

    Raises:
        InputError: It is of no known kind, or no folder.
    """
    fs, path = _open(inbox)
    if isinstance(fs, LocalFileSystem):
        fs.makedirs(path, exist_ok=True)


def watch(
    inbox: str, settle_seconds: float = SETTLE_SECONDS, sleep: Callable[[float], object] = time.sleep
) -> list[Candidate]:
    """List what looks like an archive: files with an archive's ending, and folders that hold market files.

    Args:
        inbox: A path or an fsspec URL; one that is not there is empty.
        settle_seconds: How long to wait between the two looks, once for all.
        sleep: Waits.

    Returns:
        What both looks saw, oldest first.

    Raises:
        InputError: The inbox is of no known kind, or no folder.
    """
    fs, path = _open(inbox)
    before = _look(fs, path)
    if not before:
        return []
    sleep(settle_seconds)
    after = {name: look for name, look in _look(fs, path).items() if name in before}
    found: list[Candidate] = []
    first_of: dict[str, str] = {}
    for name, look in sorted(after.items(), key=lambda item: (item[1].modified, item[0])):
        address, called = posixpath.join(inbox, name), archive_name(name)
        namesake = first_of.get(called, "")
        found.append(Candidate(address, called, look.bytes, look.modified, look == before[name], namesake))
        first_of.setdefault(called, address)
    return found


def judge(candidate: Candidate, patience_seconds: float = PATIENCE_SECONDS) -> Verdict:
    """Tell whether an archive is whole; a compressed tar is read to its end for that.

    Args:
        candidate: From `watch`.
        patience_seconds: For how long after its last change an archive without an end is taken to be arriving.

    Returns:
        Its state, and why.
    """
    address = candidate.address
    if not candidate.settled:
        return Verdict(State.ARRIVING, f"{address}: still arriving, it grew or changed while it was looked at")
    if candidate.namesake:
        return Verdict(
            State.BROKEN,
            f"{address}: shares its name with {candidate.namesake}, and the lake needs a name for each; rename it",
        )
    try:
        _check_end(candidate)
    except ArchiveError as error:
        age = datetime.now(UTC) - candidate.modified
        if age < timedelta(seconds=patience_seconds):
            return Verdict(
                State.ARRIVING,
                f"{address}: still arriving, it has no end yet and was written to {age.total_seconds():.0f} s ago",
            )
        return Verdict(State.BROKEN, str(error))
    return Verdict(State.WHOLE, f"{address}: whole, {candidate.bytes / _MEGABYTE:.1f} MB")


def _open(inbox: str) -> tuple[AbstractFileSystem, str]:
    try:
        fs, path = fsspec.core.url_to_fs(inbox)
    except (ImportError, ValueError) as error:
        raise InputError(f"{inbox}: {error}; give the path or fsspec URL of the folder where archives arrive") from None
    if fs.isfile(path):
        raise InputError(f"{inbox}: a file, not an inbox; give the folder where archives arrive")
    return fs, path


def _look(fs: AbstractFileSystem, inbox: str) -> dict[str, _Look]:
    # An object store's listing is remembered, and the second look would see the first's.
    fs.invalidate_cache()
    if not fs.isdir(inbox):
        return {}
    paths = (path.rstrip("/") for path in fs.ls(inbox, detail=False))
    looks = {posixpath.basename(path): _look_at(fs, path) for path in paths}
    return {name: look for name, look in looks.items() if look is not None}


def _look_at(fs: AbstractFileSystem, path: str) -> _Look | None:
    name = posixpath.basename(path)
    if name.startswith("."):
        return None
    try:
        if not fs.isdir(path):
            has_ending = archive_name(name) != name and not market_of(name)
            return _Look(int(fs.size(path)), fs.modified(path), 1) if has_ending else None
        files = fs.find(path, detail=True)
        if not any(market_of(file) for file in files):
            return None
        return _Look(sum(int(info["size"]) for info in files.values()), max(map(fs.modified, files)), len(files))
    except FileNotFoundError:
        # Moved away since it was listed.
        return None
    except NotImplementedError:
        raise InputError(
            f"{path}: its kind of store does not tell when a file was modified; give a folder of a disk or object store"
        ) from None


def _check_end(candidate: Candidate) -> None:
    address = candidate.address
    archive = read_index(address)
    fs, path = check_exists(address)
    if fs.isdir(path):
        return
    compression = next((kind for ending, kind in _COMPRESSIONS.items() if address.lower().endswith(ending)), None)
    if compression:
        _check_stream(address, compression)
    elif address.lower().endswith(".tar"):
        # Zeros that a copy reserved and has not filled look like a tar's end.
        beyond = candidate.bytes - max(member.offset + member.size for member in archive.members)
        if beyond > _PADDING_LIMIT:
            raise ArchiveError(
                f"{address}: its last {beyond / _MEGABYTE:.1f} MB are of no file in it, so it is a copy that was not "
                "finished, or two archives in one; copy it again"
            )


def _check_stream(address: str, compression: str) -> None:
    try:
        with fsspec.open(address, "rb", compression=compression) as source:
            while source.read(_PIECE):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{address}: damaged or not whole ({error}); download or copy it again") from error
