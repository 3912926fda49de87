"""The inbox: a folder where archives arrive, and which of them are whole.

Whether an archive was backtested already, and what follows from that, is the flows' business.
"""

import posixpath
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.addresses import shown_within
from tasks.archives.archive import archive_name, read_index
from tasks.archives.market_files import market_of
from tasks.arrival.within import within
from tasks.errors import ArchiveError, InputError
from tasks.foreign_text import is_encodable, visible

SETTLE_SECONDS = 5.0
PATIENCE_SECONDS = 3600.0
LOOK_SECONDS = 1800.0

# By the end of the ending: `.tar.gz` and `.tgz` are one kind.
_COMPRESSIONS = {"gz": "gzip", "bz2": "bz2"}

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
        name: Its file's, without the ending.
        bytes: Its size, of a folder that of all files in it.
        modified: When it was last written to, of a folder any file in it.
        settled: Whether both looks saw the same.
        fault: Why it is not even opened, for whatever is no file or folder of the inbox itself; else empty.
    """

    address: str
    name: str
    bytes: int
    modified: datetime
    settled: bool
    fault: str = ""


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
    fault: str = ""

    @classmethod
    def failed(cls, fault: str) -> "_Look":
        return cls(0, datetime.fromtimestamp(0, UTC), 0, fault)


def make_inbox(inbox: str, look_seconds: float = LOOK_SECONDS) -> None:
    """Make the folder if it is a local one; an object store has none until something lies in it.

    Args:
        inbox: A path or an fsspec URL.
        look_seconds: For how long its disk may not answer.

    Raises:
        InputError: It is of no known kind, or no folder, or does not answer.
    """

    def make() -> None:
        fs, path = _open(inbox)
        if isinstance(fs, LocalFileSystem):
            fs.makedirs(path, exist_ok=True)

    with _answering(inbox, look_seconds):
        within(look_seconds, make)


def watch(
    inbox: str,
    settle_seconds: float = SETTLE_SECONDS,
    look_seconds: float = LOOK_SECONDS,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Candidate]:
    """List what looks like an archive: files with an archive's ending, and folders that hold market files.

    Args:
        inbox: A path or an fsspec URL; one that is not there is empty.
        settle_seconds: How long to wait between the two looks, once for all.
        look_seconds: For how long a disk or a store may not answer, at each thing in the inbox.
        sleep: Waits.

    Returns:
        What both looks saw, oldest first.

    Raises:
        InputError: The inbox is of no known kind, or no folder, or does not answer.
    """
    with _answering(inbox, look_seconds):
        fs, path = within(look_seconds, _open, inbox)
        before = _look(fs, path, look_seconds)
        if not before:
            return []
        sleep(settle_seconds)
        # What has a fault keeps it; to look again may take as long again.
        faulty = {name: look for name, look in before.items() if look.fault}
        after = _look(fs, path, look_seconds, before.keys() - faulty) | faulty
    found: list[Candidate] = []
    for name, look in sorted(after.items(), key=lambda item: (item[1].modified, item[0])):
        address, is_same = posixpath.join(inbox, visible(name)), look == before[name]
        found.append(Candidate(address, archive_name(name), look.bytes, look.modified, is_same, look.fault))
    return found


def judge(
    candidate: Candidate, patience_seconds: float = PATIENCE_SECONDS, look_seconds: float = LOOK_SECONDS
) -> Verdict:
    """Return whether an archive is whole; a compressed tar is read to its end for that.

    Args:
        candidate: From `watch`, without a fault.
        patience_seconds: For how long after its last change an archive without an end is taken to be arriving.
        look_seconds: How long it may take to read it.

    Returns:
        Its state, and why.
    """
    address = candidate.address
    if not candidate.settled:
        return Verdict(State.ARRIVING, f"{address}: still arriving, it grew or changed while it was looked at")
    try:
        within(look_seconds, _check_end, address)
    except TimeoutError:
        return Verdict(State.BROKEN, f"{address}: {_unanswered(look_seconds)}")
    except ArchiveError as error:
        age = datetime.now(UTC) - candidate.modified
        if age < timedelta(seconds=patience_seconds):
            return Verdict(
                State.ARRIVING,
                f"{address}: still arriving, it has no end yet and was written to {age.total_seconds():.0f} s ago",
            )
        return Verdict(State.BROKEN, str(error))
    return Verdict(State.WHOLE, f"{address}: whole, {candidate.bytes / _MEGABYTE:.1f} MB")


@contextmanager
def _answering(inbox: str, look_seconds: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise InputError(f"{inbox}: did not answer within {look_seconds:g} s; see to its disk") from None


def _open(inbox: str) -> tuple[AbstractFileSystem, str]:
    try:
        fs, path = fsspec.core.url_to_fs(inbox)
    except (ImportError, ValueError) as error:
        raise InputError(f"{inbox}: {error}; give the path or fsspec URL of the folder where archives arrive") from None
    if fs.exists(path) and not fs.isdir(path):
        raise InputError(f"{inbox}: a file, not an inbox; give the folder where archives arrive")
    return fs, path


def _look(
    fs: AbstractFileSystem, inbox: str, look_seconds: float, names: Collection[str] | None = None
) -> dict[str, _Look]:
    paths = {posixpath.basename(path): path for path in within(look_seconds, _list, fs, inbox)}
    looks = {
        name: _look_within(look_seconds, fs, path) for name, path in paths.items() if names is None or name in names
    }
    return {name: look for name, look in looks.items() if look is not None}


def _list(fs: AbstractFileSystem, inbox: str) -> list[str]:
    # An object store's listing is remembered, and the second look would see the first's.
    fs.invalidate_cache()
    return [path.rstrip("/") for path in fs.ls(inbox, detail=False)] if fs.isdir(inbox) else []


def _look_within(seconds: float, fs: AbstractFileSystem, path: str) -> _Look | None:
    try:
        return within(seconds, _look_at, fs, path)
    except TimeoutError:
        return _Look.failed(_unanswered(seconds))
    except OSError as error:
        return _Look.failed(f"cannot be read ({error.strerror or error})")


def _unanswered(seconds: float) -> str:
    return f"was not read within {seconds:g} s; see to its disk, or give a larger look_seconds"


def _look_at(fs: AbstractFileSystem, path: str) -> _Look | None:
    name = posixpath.basename(path)
    if name.startswith("."):
        return None
    has_ending = archive_name(name) != name and not market_of(name)
    try:
        info = fs.info(path)
        if fault := _fault(name, info):
            return _Look.failed(fault) if has_ending else None
        if info["type"] != "directory":
            return _Look(int(info["size"]), fs.modified(path), 1) if has_ending else None
        files = {file: info for file, info in fs.find(path, detail=True).items() if info["type"] == "file"}
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


def _fault(name: str, info: Mapping[str, Any]) -> str:
    if not is_encodable(name):
        return "its name is not UTF-8; rename it"
    if info.get("islink"):
        return "a link, which may lead anywhere and is not followed; put the archive itself here"
    if info["type"] not in ("file", "directory"):
        return "a pipe, a socket or a device, and no file; remove it"
    return ""


def _check_end(address: str) -> None:
    read_index(address)
    # Of what is packed within an archive, a cut member is a reject; here it is all that there is.
    if market_of(address) and (kind := next((k for end, k in _COMPRESSIONS.items() if address.endswith(end)), None)):
        _check_stream(address, kind)


def _check_stream(address: str, compression: str) -> None:
    try:
        with fsspec.open(address, "rb", compression=compression) as source:
            while source.read(_PIECE):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(
            f"{address}: damaged or not whole ({shown_within(str(error))}); download or copy it again"
        ) from None
