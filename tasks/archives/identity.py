"""Identify an archive by its members' content, whatever its file's name and location, and their market types.

An archive is read completely once; the lake remembers the result until the file changes.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.archives.archive import Index, Member, archive_name, check_exists, read_index, read_members
from tasks.archives.first_type import first_type
from tasks.errors import ArchiveError
from tasks.lake.dataset import Key
from tasks.lake.datasets import ARCHIVES, MANIFESTS
from tasks.lake.fingerprint import digest, fingerprint
from tasks.lake.store import Lake
from tasks.machine import cores
from tasks.rejects import Reject

VERSION = 2

ARCHIVE = "archive"
"""The note in which files of the lake keep their archive's name."""

_NAME = re.compile(r"(?P<file>.+)-[0-9a-f]{8}")

_ADDRESS, _CONTENT, _REJECTS = "address", "content", "rejects"


class Archive(NamedTuple):
    """An archive that was read completely.

    Attributes:
        address: A path or an fsspec URL.
        name: Its name in the lake: the first known file name without extension, and the start of its digest.
        content: Digest of its members' paths and bytes, in their order; identifies it.
        members: With their digests and market types, in the archive's order.
        rejects: Entries that are not read.
    """

    address: str
    name: str
    content: str
    members: tuple[Member, ...]
    rejects: tuple[Reject, ...]


def file_of(name: str) -> str | None:
    """Return the file name without extension in an archive's name in the lake; None if it is no archive's name."""
    named = _NAME.fullmatch(name)
    return named["file"] if named else None


def read_archive(lake: Lake, address: str) -> Archive:
    """Return the archive at a path or fsspec URL; read it only if it changed since the lake remembered it.

    Raises:
        ArchiveError: It is missing, of an unknown kind, truncated or damaged, or changed while it was read.
    """
    state = state_of(address)
    remembered = _remembered(lake, address, state)
    if remembered:
        return remembered
    index = _read(address)
    if state_of(address) != state:
        raise ArchiveError(f"{address}: changed while it was read; run again when it is complete")
    content = _content(index)
    name = _extracted_as(lake, content) or f"{archive_name(address)}-{content[:8]}"
    archive = Archive(address, name, content, *index)
    if state:
        _remember(lake, archive, state)
    return archive


def manifest_keys(lake: Lake, content: str) -> list[Key]:
    """List the keys of an archive's manifests, whatever market types they were written for."""
    return [key for key in lake.keys(MANIFESTS.folder) if key.name.startswith(content)]


def _extracted_as(lake: Lake, content: str) -> str | None:
    """Return the name under which an archive lies in the lake, whichever of its copies was extracted."""
    known = (lake.find(key) for key in manifest_keys(lake, content))
    return next((file.notes[ARCHIVE] for file in known if file), None)


def read_part(address: str, is_wanted: Callable[[Member], bool]) -> Archive:
    """Return the archive at a path or fsspec URL as if it had some of its members only; no lake remembers it.

    Raises:
        ArchiveError: It is missing, of an unknown kind, truncated or damaged.
    """
    wanted = filter(is_wanted, read_index(address).members)
    members = tuple(member._replace(digest=digest([raw])) for member, raw in read_members(address, wanted))
    content = _content(Index(members, ()))
    return Archive(address, f"{archive_name(address)}-{content[:8]}", content, members, ())


def find_archive(lake: Lake, address: str) -> Archive | None:
    """Return the remembered archive at a path or fsspec URL, without reading it; None if new or changed.

    Raises:
        ArchiveError: It is missing or of an unknown kind.
    """
    return _remembered(lake, address, state_of(address))


def forget_archive(lake: Lake, address: str) -> None:
    """Forget the archive at an address, so that the next run reads it again."""
    lake.delete(_key(address))


def check_archives(lake: Lake) -> list[str]:
    """Read the remembered archives again, and forget those whose content changed.

    Returns:
        A line for each archive whose content changed although its file looks unchanged. Files that visibly changed or
        are gone are skipped.
    """
    problems = []
    files = [lake.find(key) for key in lake.keys(ARCHIVES.folder)]
    for address in (file.notes[_ADDRESS] for file in files if file):
        try:
            known = find_archive(lake, address)
        except ArchiveError:
            continue
        try:
            if known is None or _content(_read(address)) == known.content:
                continue
        except ArchiveError as error:
            problems.append(str(error))
        else:
            problems.append(f"{address}: its content changed, but not its size and times; extract it again")
        forget_archive(lake, address)
    return problems


def _read(address: str) -> Index:
    """Read an archive completely."""
    index = read_index(address)
    return index._replace(members=tuple(_identified(read_members(address, index.members))))


def _identified(read: Iterable[tuple[Member, bytes]]) -> Iterator[Member]:
    """Yield members with digest and market type; threads do the work, on a few members' bytes at a time."""
    at_once = cores()
    with ThreadPoolExecutor(at_once) as threads:
        waiting: deque[Future[Member]] = deque()
        for member, raw in read:
            waiting.append(threads.submit(_identify, member, raw))
            if len(waiting) > at_once:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()


def _identify(member: Member, raw: bytes) -> Member:
    return member._replace(digest=digest([raw]), market_type=first_type(member.path, raw))


def _content(index: Index) -> str:
    members = (f"{member.path}\0{member.digest}" for member in index.members)
    entries = (*members, "", *map("\0".join, index.rejects))
    return digest(entry.encode(errors="surrogateescape") for entry in entries)


def _remembered(lake: Lake, address: str, state: str) -> Archive | None:
    known = lake.fresh(_key(address), state) if state else None
    if known is None:
        return None
    rows = lake.read(_key(address)).to_pydict()
    members = tuple(map(Member, *(rows[column.name] for column in ARCHIVES.columns)))
    rejects = tuple(Reject(*reject) for reject in json.loads(known.notes[_REJECTS]))
    content = known.notes[_CONTENT]
    return Archive(address, _extracted_as(lake, content) or known.notes[ARCHIVE], content, members, rejects)


def _remember(lake: Lake, archive: Archive, state: str) -> None:
    columns = map(list, zip(*archive.members, strict=True))
    table = pa.table([pa.array(column) for column in columns], ARCHIVES.schema.names).cast(ARCHIVES.schema)
    notes = {
        _ADDRESS: _absolute(archive.address),
        ARCHIVE: archive.name,
        _CONTENT: archive.content,
        _REJECTS: json.dumps(archive.rejects),
    }
    lake.write(_key(archive.address), table, state, notes)


def _key(address: str) -> Key:
    return ARCHIVES.at(digest([_absolute(address).encode(errors="surrogateescape")]))


def _absolute(address: str) -> str:
    return address if "://" in address else str(Path(address).resolve())


def state_of(address: str) -> str:
    """Identify the file or folder at an address by its file system's metadata; empty where that is not enough.

    Raises:
        ArchiveError: It is missing or of an unknown kind.
    """
    fs, path = check_exists(address)
    is_folder = fs.isdir(path)
    files = sorted(fs.find(path)) if is_folder else [path]
    states = [_file_state(fs, file, is_member=is_folder) for file in files]
    return fingerprint("archive", version=VERSION, files=files, states=states) if all(states) else ""


def _file_state(fs: AbstractFileSystem, path: str, *, is_member: bool) -> list[object]:
    if isinstance(fs, LocalFileSystem):
        # Links within an archive are rejects, wherever they lead.
        seen = Path(path).stat(follow_symlinks=not is_member)
        return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
    info = fs.info(path)
    when = info.get("ETag") or info.get("mtime") or info.get("LastModified") or info.get("created")
    return [int(info["size"]), str(when)] if when else []
