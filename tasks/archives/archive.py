"""List an archive's members and read their bytes, without unpacking anything to disk.

`identity.py` identifies an archive by its content; `messages.py` parses a member's bytes.
"""

import bz2
import io
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import IO, NamedTuple

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.addresses import shown_within
from tasks.archives.market_files import market_of
from tasks.errors import ArchiveError
from tasks.foreign_text import is_encodable, visible
from tasks.lake.dataset import FORBIDDEN, can_be_in_a_path
from tasks.lake.fingerprint import digest
from tasks.object_stores import translated_errors
from tasks.rejects import Reject

# More than ten times the largest market seen; a larger member, stored or decompressed, is an accident or an attack.
MEMBER_LIMIT = 1 << 30

_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
_COMPRESSIONS = {".gz": "gzip", ".tgz": "gzip", ".bz2": "bz2", ".tbz2": "bz2"}
_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, IndexError, NotImplementedError, UnicodeDecodeError),
)

# A complete tar ends with two blocks of zeros, padded to a multiple of twenty blocks. An unfinished download into a
# preallocated file ends with more.
_END = 2 * tarfile.BLOCKSIZE
_MOST_ZEROS = _END + tarfile.RECORDSIZE
_PIECE = 1 << 20

# The end-of-central-directory record of a zip, without its comment.
_ZIP_END, _ZIP_END_BYTES = b"PK\5\6", 22

_KINDS = ".tar, .tar.gz, .tar.bz2, .zip, a folder of market files, or one market file (1.200806927.bz2)"


class Member(NamedTuple):
    """A file within an archive.

    Attributes:
        path: Within the archive, with forward slashes; the file's name if the archive is a single market file.
        size: Bytes, as stored.
        offset: In a tar, the byte offset in the decompressed tar; in a zip, the entry's index; otherwise 0.
        digest: Of its bytes as stored; empty until they are read.
        market_type: Of its first definition, as `first_type` reads it; empty if it is not known, or not yet.
    """

    path: str
    size: int
    offset: int = 0
    digest: str = ""
    market_type: str = ""


class Index(NamedTuple):
    """The contents of an archive.

    Attributes:
        members: In the archive's order.
        rejects: Entries that are not read: irregular files, encrypted, or too large.
    """

    members: tuple[Member, ...]
    rejects: tuple[Reject, ...]


def archive_name(address: str) -> str:
    """Return the last part of an address without extension (`2022_03_MarGreyhoundsPro`), or a market file's id."""
    name = posixpath.basename(address.replace("\\", "/").rstrip("/"))
    if market_id := market_of(name):
        return market_id
    for ending in (*sorted(_TAR_ENDINGS, key=len, reverse=True), ".zip"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def name_fault(address: str) -> str:
    """Return why the lake can have no folder of an archive's name; empty if it can."""
    if can_be_in_a_path(archive_name(address)):
        return ""
    return f"a name that begins with a dot or has one of {FORBIDDEN} is no folder of the lake; rename it"


def check_exists(address: str) -> tuple[AbstractFileSystem, str]:
    """Check that an archive of a known kind exists at a path or fsspec URL.

    Returns:
        Its file system and its path there.

    Raises:
        ArchiveError: It is missing or of an unknown kind.
    """
    try:
        fs, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ArchiveError(f"{address}: {error}; give the path or fsspec URL of a {_KINDS}") from None
    # fsspec caches an object store's listing; the archive may have been uploaded since.
    fs.invalidate_cache()
    with translated_errors(fs, address, ArchiveError):
        is_there = fs.exists(path)
    if not is_there:
        raise ArchiveError(f"{address}: no such archive; give the path of a {_KINDS}")
    if isinstance(fs, LocalFileSystem) and not (fs.isdir(path) or fs.isfile(path)):
        raise ArchiveError(f"{address}: a pipe, a socket or a device, not an archive; give the path of a {_KINDS}")
    if fault := name_fault(address):
        raise ArchiveError(f"{address}: {fault}")
    if not (fs.isdir(path) or market_of(path) or address.lower().endswith((*_TAR_ENDINGS, ".zip"))):
        raise ArchiveError(f"{address}: not an archive of a known kind; give a {_KINDS}")
    return fs, path


def read_index(address: str) -> Index:
    """List the members of the archive at a path or fsspec URL, without reading them.

    Raises:
        ArchiveError: It is missing, of an unknown kind, truncated or damaged.
    """
    fs, path = check_exists(address)
    rejects: list[Reject] = []
    try:
        if fs.isdir(path):
            members = list(_folder_members(fs, path, rejects))
        elif market_of(path):
            members = [Member(posixpath.basename(path), int(fs.size(path)))]
        elif address.lower().endswith(".zip"):
            members = list(_zip_members(fs, path, rejects))
        else:
            members = list(_tar_members(fs, path, rejects))
    except _DAMAGE as error:
        # `from None` because the error may contain the target of a redirect, such as a signed URL.
        raise ArchiveError(
            f"{address}: damaged or incomplete ({shown_within(str(error))}); download or copy it again"
        ) from None
    if not members:
        raise ArchiveError(
            f"{address}: contains no files; a Pro archive contains PRO/<year>/<month>/<day>/<event>/<market>.bz2"
        )
    refused = {member: reject for member in members if (reject := _refuse(member))}
    rejects = [reject._replace(what=visible(reject.what)) for reject in (*rejects, *refused.values())]
    return Index(tuple(member for member in members if member not in refused), tuple(rejects))


def _refuse(member: Member) -> Reject | None:
    if not is_encodable(member.path):
        return Reject(member.path, "its name is not UTF-8")
    if member.path.lower().endswith((*_TAR_ENDINGS, ".zip")):
        return Reject(member.path, "an archive within the archive", "pass it to the run separately")
    if member.size > MEMBER_LIMIT:
        return Reject(member.path, "too large", f"{member.size} bytes as stored, at most {MEMBER_LIMIT} are read")
    return None


def read_members(address: str, members: Iterable[Member]) -> Iterator[tuple[Member, bytes]]:
    """Yield each member with its bytes as stored.

    Members in the archive's order read fastest: a compressed tar can only be read forwards.

    Raises:
        ArchiveError: The archive changed or broke since it was listed, or a member's digest differs.
    """
    fs, path = fsspec.core.url_to_fs(address)
    try:
        with ExitStack() as opened:
            if fs.isdir(path):
                read = partial(_read_file, fs, path)
            elif market_of(path):
                read = partial(_read_file, fs, posixpath.dirname(path))
            elif address.lower().endswith(".zip"):
                archive = opened.enter_context(zipfile.ZipFile(opened.enter_context(fs.open(path, "rb"))))
                read = partial(_read_entry, archive, archive.infolist())
            else:
                read = partial(_read_block, opened.enter_context(_open_tar(fs, path)))
            for member in members:
                content = read(member)
                if len(content) != member.size:
                    raise EOFError(f"{member.path} has {len(content)} bytes, expected {member.size}")
                if member.digest and digest([content]) != member.digest:
                    raise EOFError(f"{member.path} changed since it was first read")
                yield member, content
    except _DAMAGE as error:
        raise ArchiveError(
            f"{address}: could not be read ({shown_within(str(error))}); download or copy it again"
        ) from None


def _read_file(fs: AbstractFileSystem, folder: str, member: Member) -> bytes:
    return bytes(fs.cat_file(posixpath.join(folder, member.path)))


def _read_entry(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], member: Member) -> bytes:
    # By index, because two entries may share a name; limited to the listed size, because it may be a zip bomb.
    with archive.open(entries[member.offset]) as entry:
        return entry.read(member.size + 1)


def _read_block(source: IO[bytes], member: Member) -> bytes:
    source.seek(member.offset)
    return source.read(member.size)


def _open_tar(fs: AbstractFileSystem, path: str) -> IO[bytes]:
    compression = next((c for ending, c in _COMPRESSIONS.items() if path.lower().endswith(ending)), None)
    opened: IO[bytes] = fsspec.core.OpenFile(fs, path, mode="rb", compression=compression).open()
    if isinstance(opened, bz2.BZ2File):
        # Otherwise bz2 silently ignores invalid data after a complete stream, and with it a second archive.
        opened._buffer.raw._trailing_error = ()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public setting
    return opened


def _tar_members(fs: AbstractFileSystem, path: str, rejects: list[Reject]) -> Iterator[Member]:
    with _open_tar(fs, path) as source, tarfile.open(fileobj=source, mode="r:") as archive:
        for entry in archive:
            if entry.isreg():
                yield Member(entry.name, entry.size, entry.offset_data)
            elif not entry.isdir():
                rejects.append(Reject(entry.name, "not a regular file", "links and devices are never followed"))
        # Tarfile treats a block of zeros, and a truncated or damaged header, as the end.
        _check_end(source, archive.offset)


def _check_end(source: IO[bytes], offset: int) -> None:
    """Check that only the end marker of a tar follows its last member, which ends at `offset`."""
    source.seek(offset)
    zeros = 0
    while piece := source.read(_PIECE):
        if piece.strip(b"\0"):
            raise tarfile.ReadError(
                f"data after the end marker at byte {offset}: a block is missing, or two archives are joined"
                if zeros or piece.startswith(bytes(tarfile.BLOCKSIZE))
                else f"no end marker at byte {offset}"
            )
        zeros += len(piece)
    if zeros < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("no end marker")
    if zeros > _MOST_ZEROS:
        raise tarfile.ReadError(f"it ends in {zeros} zero bytes: an unfinished copy")


def _zip_members(fs: AbstractFileSystem, path: str, rejects: list[Reject]) -> Iterator[Member]:
    with fs.open(path, "rb") as source, zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        if entries and all(entry.header_offset for entry in entries):
            raise zipfile.BadZipFile("data before its first entry: two archives are joined")
        source.seek(-_ZIP_END_BYTES - len(archive.comment), io.SEEK_END)
        if not source.read(_ZIP_END_BYTES).startswith(_ZIP_END):
            raise zipfile.BadZipFile("data after its end")
        for place, entry in enumerate(entries):
            if entry.flag_bits & 1:
                rejects.append(Reject(entry.filename, "encrypted", "unpack and repack it without a password"))
            elif not entry.is_dir():
                yield Member(entry.filename, entry.file_size, place)


def _folder_members(fs: AbstractFileSystem, path: str, rejects: list[Reject]) -> Iterator[Member]:
    for found, info in sorted(fs.find(path, detail=True).items()):
        inner = found[len(path) :].lstrip("/")
        if any(part.startswith(".") for part in inner.split("/")):
            # Skip the operating system's hidden files silently; report only hidden markets.
            if market_of(inner):
                rejects.append(Reject(inner, "hidden", "rename it without the leading dot to include it"))
        elif info["type"] == "file":
            yield Member(inner, int(info["size"]))
        else:
            rejects.append(Reject(inner, "not a regular file", "links and devices are never followed"))
