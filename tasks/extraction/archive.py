"""Archives as they are shipped: which members they have, and a member's bytes. Nothing is ever unpacked to disk.

What a member's bytes mean is the business of `messages.py`.
"""

import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

import fsspec
from fsspec import AbstractFileSystem

from tasks.errors import ArchiveError
from tasks.lake.fingerprint import digest
from tasks.rejects import Reject

_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
_COMPRESSIONS = {".gz": "gzip", ".tgz": "gzip", ".bz2": "bz2", ".tbz2": "bz2"}
_KINDS = ".tar, .tar.gz, .tar.bz2, .zip, or a folder of market files"


class Member(NamedTuple):
    """A file within an archive.

    Attributes:
        path: Within the archive, with forward slashes.
        size: Bytes, as stored.
        offset: Where a tar keeps its bytes (after the tar's own decompression); 0 in zips and folders.
    """

    path: str
    size: int
    offset: int = 0


class Archive(NamedTuple):
    """An archive's index.

    Attributes:
        address: A path or an fsspec URL.
        name: The file's name without its ending; what the lake calls it.
        members: In the archive's order.
        rejects: Entries that are no regular files.
        content: A digest of size, time of last change and members: what decides all that is read from it.
    """

    address: str
    name: str
    members: tuple[Member, ...]
    rejects: tuple[Reject, ...]
    content: str


def archive_name(address: str) -> str:
    """Name an archive.

    Args:
        address: A path or an fsspec URL.

    Returns:
        Its last part without ending: `2022_03_MarGreyhoundsPro`.
    """
    name = posixpath.basename(address.replace("\\", "/").rstrip("/"))
    for ending in (*sorted(_TAR_ENDINGS, key=len, reverse=True), ".zip"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def check_exists(address: str) -> tuple[AbstractFileSystem, str]:
    """Check that there is something of a known kind at an address.

    Args:
        address: A path or an fsspec URL.

    Returns:
        Its file system and its path there.

    Raises:
        ArchiveError: It is missing, or of no known kind.
    """
    fs, path = fsspec.core.url_to_fs(address)
    if not fs.exists(path):
        raise ArchiveError(f"{address}: no such archive; give the path of a {_KINDS}")
    if not (fs.isdir(path) or address.lower().endswith((*_TAR_ENDINGS, ".zip"))):
        raise ArchiveError(f"{address}: not an archive of a known kind; give a {_KINDS}")
    return fs, path


def read_index(address: str) -> Archive:
    """List an archive's members without reading them.

    Args:
        address: A path or an fsspec URL of a tar, a zip or a folder.

    Returns:
        Its index.

    Raises:
        ArchiveError: It is missing, of no known kind, cut short or damaged.
    """
    fs, path = check_exists(address)
    rejects: list[Reject] = []
    try:
        if fs.isdir(path):
            members = list(_folder_members(fs, path))
        elif address.lower().endswith(".zip"):
            members = list(_zip_members(fs, path, rejects))
        else:
            members = list(_tar_members(fs, path, rejects))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, OSError, EOFError) as error:
        raise ArchiveError(f"{address}: damaged or not whole ({error}); download or copy it again") from error
    if not members:
        raise ArchiveError(
            f"{address}: no files in it; a Pro archive holds PRO/<year>/<month>/<day>/<event>/<market>.bz2"
        )
    info = fs.info(path)
    changed = info.get("mtime") or info.get("ETag") or info.get("LastModified") or ""
    listed = (f"{m.path}\0{m.size}\0{m.offset}".encode() for m in members)
    content = digest((str(info["size"]).encode(), str(changed).encode(), *listed))
    return Archive(address, archive_name(address), tuple(members), tuple(rejects), content)


def read_members(address: str, members: Iterable[Member]) -> Iterator[tuple[Member, bytes]]:
    """Read members' bytes, as stored.

    Args:
        address: The archive.
        members: Those wanted; the archive's order is the fastest (a compressed tar can only be read forwards).

    Yields:
        Each member and its bytes.

    Raises:
        ArchiveError: The archive changed or broke since it was listed.
    """
    fs, path = fsspec.core.url_to_fs(address)
    try:
        if fs.isdir(path):
            for member in members:
                yield member, fs.cat_file(posixpath.join(path, member.path))
        elif address.lower().endswith(".zip"):
            with fs.open(path, "rb") as source, zipfile.ZipFile(source) as archive:
                for member in members:
                    yield member, archive.read(member.path)
        else:
            with _open_tar(fs, path) as source:
                for member in members:
                    source.seek(member.offset)
                    yield member, _read_exactly(source, member)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, KeyError) as error:
        raise ArchiveError(f"{address}: broke while it was read ({error}); download or copy it again") from error


def _read_exactly(source: IO[bytes], member: Member) -> bytes:
    content = source.read(member.size)
    if len(content) != member.size:
        raise EOFError(f"{member.path} is cut short")
    return content


def _open_tar(fs: AbstractFileSystem, path: str) -> IO[bytes]:
    compression = next((c for ending, c in _COMPRESSIONS.items() if path.lower().endswith(ending)), None)
    opened: IO[bytes] = fsspec.core.OpenFile(fs, path, mode="rb", compression=compression).open()
    return opened


def _tar_members(fs: AbstractFileSystem, path: str, rejects: list[Reject]) -> Iterator[Member]:
    with _open_tar(fs, path) as source, tarfile.open(fileobj=source, mode="r:") as archive:
        for entry in archive:
            if entry.isreg():
                yield Member(entry.name, entry.size, entry.offset_data)
            elif not entry.isdir():
                rejects.append(Reject(entry.name, "not a regular file", "links and devices are never followed"))


def _zip_members(fs: AbstractFileSystem, path: str, rejects: list[Reject]) -> Iterator[Member]:
    with fs.open(path, "rb") as source, zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            if entry.flag_bits & 1:
                rejects.append(Reject(entry.filename, "encrypted", "unpack and repack it without a password"))
            elif not entry.is_dir():
                yield Member(entry.filename, entry.file_size)


def _folder_members(fs: AbstractFileSystem, path: str) -> Iterator[Member]:
    for found, info in sorted(fs.find(path, detail=True).items()):
        inner = found[len(path) :].lstrip("/")
        if not any(part.startswith(".") for part in inner.split("/")):
            yield Member(inner, int(info["size"]))
