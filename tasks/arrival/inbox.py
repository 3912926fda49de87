"""The inbox, a folder where archives arrive: list them, and check which are complete."""

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
from tasks.archives.archive import archive_name, name_fault, read_index
from tasks.archives.market_files import market_of
from tasks.arrival.within import within
from tasks.errors import ArchiveError, InputError
from tasks.foreign_text import is_encodable, visible

SETTLE_SECONDS = 5.0
PATIENCE_SECONDS = 3600.0
LOOK_SECONDS = 1800.0

# By the end of the extension, so that `.tar.gz` and `.tgz` are the same.
_COMPRESSIONS = {"gz": "gzip", "bz2": "bz2"}

_PIECE = 1 << 20
_MEGABYTE = 1e6


class State(StrEnum):
    """The state of an archive's arrival."""

    WHOLE = "whole"
    ARRIVING = "still arriving"
    BROKEN = "broken"


class Candidate(NamedTuple):
    """A possible archive, after two looks at it.

    Attributes:
        address: A path or an fsspec URL.
        name: Its file name without extension.
        bytes: Its size; for a folder, of all its files.
        modified: When it was last written to; for a folder, the latest of its files.
        settled: Whether both looks saw the same.
        fault: Why it cannot be opened, such as a link or a pipe; else empty.
    """

    address: str
    name: str
    bytes: int
    modified: datetime
    settled: bool
    fault: str = ""


class Verdict(NamedTuple):
    """Whether an archive is complete.

    Attributes:
        state: The state of its arrival.
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
    """Create the folder if it is local; on an object store it exists only once it has content.

    Args:
        inbox: A path or an fsspec URL.
        look_seconds: Time limit for the disk to answer.

    Raises:
        InputError: It is of an unknown kind, is not a folder, or does not answer.
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
    """List possible archives: files with an archive's extension, and folders that contain market files.

    Args:
        inbox: A path or an fsspec URL; treated as empty if it does not exist.
        settle_seconds: The wait between the two looks, once for all archives.
        look_seconds: Time limit for a disk or store to answer, per archive.
        sleep: Waits.

    Returns:
        What both looks saw, oldest first.

    Raises:
        InputError: The inbox is of an unknown kind, is not a folder, or does not answer.
    """
    with _answering(inbox, look_seconds):
        fs, path = within(look_seconds, _open, inbox)
        before = _look(fs, path, look_seconds)
        if not before:
            return []
        sleep(settle_seconds)
        # Do not look at faulty ones again, which could take as long again.
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
    """Check whether an archive is complete; a compressed tar is read to its end.

    Args:
        candidate: From `watch`, without a fault.
        patience_seconds: How long after its last change an incomplete archive counts as arriving.
        look_seconds: Time limit to read it.
    """
    address = candidate.address
    if not candidate.settled:
        return Verdict(State.ARRIVING, f"{address}: still arriving, it changed between two looks")
    try:
        within(look_seconds, _check_end, address)
    except TimeoutError:
        return Verdict(State.BROKEN, f"{address}: {_unanswered(look_seconds)}")
    except ArchiveError as error:
        age = datetime.now(UTC) - candidate.modified
        if age < timedelta(seconds=patience_seconds):
            return Verdict(
                State.ARRIVING,
                f"{address}: still arriving, it is incomplete and was written to {age.total_seconds():.0f} s ago",
            )
        return Verdict(State.BROKEN, str(error))
    return Verdict(State.WHOLE, f"{address}: whole, {candidate.bytes / _MEGABYTE:.1f} MB")


@contextmanager
def _answering(inbox: str, look_seconds: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise InputError(f"{inbox}: did not answer within {look_seconds:g} s; check its disk") from None


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
    # fsspec caches an object store's listing, so that the second look would see the first's.
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
    return f"was not read within {seconds:g} s; check its disk, or raise look_seconds"


def _look_at(fs: AbstractFileSystem, path: str) -> _Look | None:
    name = posixpath.basename(path)
    if name.startswith("."):
        return None
    has_ending = archive_name(name) != name and not market_of(name)
    try:
        info = fs.info(path)
        if fault := _fault(name, info):
            return _Look.failed(fault) if has_ending else None
        files = {path: info}
        if info["type"] == "directory":
            files = {file: info for file, info in fs.find(path, detail=True).items() if info["type"] == "file"}
            is_archive = any(market_of(file) for file in files)
        else:
            is_archive = has_ending
        if not is_archive:
            return None
        if fault := name_fault(name):
            return _Look.failed(fault)
        return _Look(sum(int(info["size"]) for info in files.values()), max(map(fs.modified, files)), len(files))
    except FileNotFoundError:
        # Moved since it was listed.
        return None
    except NotImplementedError:
        raise InputError(
            f"{path}: this store has no modification times; give a folder on a disk or object store"
        ) from None


def _fault(name: str, info: Mapping[str, Any]) -> str:
    if not is_encodable(name):
        return "its name is not UTF-8; rename it"
    if info.get("islink"):
        return "a link, which is not followed; put the archive itself here"
    if info["type"] not in ("file", "directory"):
        return "a pipe, a socket or a device, not a file; remove it"
    return ""


def _check_end(address: str) -> None:
    read_index(address)
    # Within an archive, a truncated member is only a reject; a single market file has nothing else.
    if market_of(address) and (kind := next((k for end, k in _COMPRESSIONS.items() if address.endswith(end)), None)):
        _check_stream(address, kind)


def _check_stream(address: str, compression: str) -> None:
    try:
        with fsspec.open(address, "rb", compression=compression) as source:
            while source.read(_PIECE):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveError(
            f"{address}: damaged or incomplete ({shown_within(str(error))}); download or copy it again"
        ) from None
