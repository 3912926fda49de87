"""The store: the only access to the lake's files. Validates them, writes them atomically, and keeps their fingerprints.

`datasets.py` declares the datasets.
"""

import io
import logging
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import ChangedFileError, DamagedFileError, InputError, LakeError
from tasks.lake.dataset import Dataset, Folder, Key
from tasks.lake.disk import clear_left, locked, marked, write_whole
from tasks.lake.page_seal import is_sealed, seal_page
from tasks.lake.parquet import LakeFile, Reader, Writer, check_schema
from tasks.lake.seal import BLANK, KEY, check_content, check_seal, seal
from tasks.object_stores import check_answers, translated_errors

logger = logging.getLogger("backtest")

# What pyarrow raises on a corrupt file.
_DAMAGE = (OSError, UnicodeDecodeError, pa.ArrowException)

_FINGERPRINT = b"fingerprint"
_NOTE = "note:"
_PAGES = "results"
_LOCK = ".lock"
_COMPRESSION = {"compression": "zstd", "compression_level": 1}


class Lake:
    """A lake: a folder on a disk or an object store.

    Attributes:
        root: Its address, a path or an fsspec URL.
    """

    def __init__(self, root: str | Path) -> None:
        """Open a lake at a path or fsspec URL; it is created on the first write.

        Raises:
            InputError: fsspec does not know the protocol, or lacks the package for it.
        """
        self.root = str(root)
        try:
            self._opened, self._base = fsspec.core.url_to_fs(self.root)
        except (ImportError, ValueError) as error:
            raise InputError(f"the lake {self.root} cannot be opened: {error}") from None

    def __reduce__(self) -> tuple[type["Lake"], tuple[str]]:
        """Pickle as the address only, for worker processes."""
        return type(self), (self.root,)

    @property
    def _fs(self) -> AbstractFileSystem:
        # fsspec caches an object store's listing; another process may have written since.
        self._opened.invalidate_cache()
        return self._opened

    @property
    def exists(self) -> bool:
        """Whether its root exists."""
        return bool(self._fs.exists(self._base))

    def check_answers(self) -> None:
        """Check that the lake's object store, if it is on one, answers and has the bucket.

        Raises:
            LakeError: It does not.
        """
        check_answers(self._fs, self._base, self.root, LakeError)

    def check_writable(self) -> None:
        """Check that a lake on a disk can be written to; an object store says so when it is written to.

        Raises:
            LakeError: It cannot.
        """
        if isinstance(self._fs, LocalFileSystem):
            there = next(folder for folder in (Path(self._base), *Path(self._base).parents) if folder.exists())
            try:
                TemporaryFile(dir=there).close()
            except OSError as error:
                raise LakeError(f"the lake {self.root} cannot be written to ({error.strerror}); give another") from None

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    def write(
        self,
        key: Key,
        table: pa.Table,
        fingerprint: str,
        notes: Mapping[str, str] | None = None,
    ) -> LakeFile:
        """Write one file atomically.

        Args:
            key: The file's key.
            table: Its rows, with exactly the dataset's columns.
            fingerprint: Of everything its content depends on.
            notes: Metadata that can be read without the rows.

        Raises:
            LakeError: The table does not fit the dataset.
        """
        with self.writer(key, fingerprint) as writer:
            writer.notes.update(notes or {})
            writer.write(table)
        return writer.file

    @contextmanager
    def writer(self, key: Key, fingerprint: str) -> Iterator[Writer]:
        """Write one file by row groups; it appears atomically if the block succeeds.

        Args:
            key: The file's key.
            fingerprint: Of everything its content depends on.

        Yields:
            Its writer; `writer.file` is set after the block.
        """
        dataset, path = key.dataset, key.path
        metadata = {_FINGERPRINT: fingerprint.encode(), b"dataset": dataset.name.encode(), KEY: BLANK}
        schema = dataset.schema.with_metadata(metadata)
        with self._whole(path) as sink:
            repeating = [column.name for column in dataset.columns if column.repeats]
            with pq.ParquetWriter(
                sink,
                schema,
                write_page_checksum=True,
                use_dictionary=repeating,
                write_statistics=repeating,
                **_COMPRESSION,
            ) as parquet:
                writer = Writer(dataset, path, parquet)
                yield writer
                parquet.add_key_value_metadata({f"{_NOTE}{key}": note for key, note in writer.notes.items()})
            seal(sink)
            length = sink.tell()
        writer.file = LakeFile(path, fingerprint, writer.rows, length, writer.notes)

    @contextmanager
    def _whole(self, path: str) -> Iterator[IO[bytes]]:
        if not isinstance(self._fs, LocalFileSystem):
            # A single put to an object store is atomic.
            buffer = io.BytesIO()
            yield buffer
            with translated_errors(self._fs, f"{path} cannot be written to the lake {self.root}", LakeError):
                self._fs.pipe_file(self._absolute(path), buffer.getvalue())
            return
        with self._writing(path), write_whole(Path(self._absolute(path)), self._temporaries) as sink:
            yield sink

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said = error.strerror or str(error)
            raise LakeError(
                f"{path} cannot be written to the lake {self.root}: {said}; finished work is kept"
            ) from error

    @property
    def _temporaries(self) -> Path:
        return Path(self._absolute(".tmp"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lake's lock; first delete leftovers of killed runs.

        Without it, two concurrent runs would be correct but do the same work twice. The lock ends with its process.
        Object stores have no lock.

        Raises:
            LakeError: The lake cannot be written to.
        """
        if not isinstance(self._fs, LocalFileSystem):
            yield
            return
        with ExitStack() as held:
            with self._writing(_LOCK):
                held.enter_context(locked(Path(self._absolute(_LOCK)), self._say_waiting))
                clear_left(self._temporaries)
            yield

    @contextmanager
    def marked(self) -> Iterator[str]:
        """Mark a lake on a disk for the time of a block, so that another machine can tell whether it has the same.

        Yields:
            The mark, for `has_mark`; empty for an object store, which is the same from everywhere.

        Raises:
            LakeError: The lake cannot be written to.
        """
        if not isinstance(self._fs, LocalFileSystem):
            yield ""
            return
        with ExitStack() as held:
            with self._writing(".tmp"):
                mark = held.enter_context(marked(self._temporaries))
            yield mark

    def has_mark(self, mark: str) -> bool:
        """Return whether this is the lake that was marked, see `marked`."""
        return not mark or (self._temporaries / mark).is_file()

    def _say_waiting(self) -> None:
        logger.info("waiting for another run on the lake %s", self.root)

    def write_page(self, path: str, page: str) -> str:
        """Write an HTML page atomically.

        Args:
            path: Relative to the lake's root, with forward slashes.
            page: The HTML.

        Returns:
            Its address.
        """
        with self._whole(path) as sink:
            sink.write(seal_page(page).encode())
        return self._address(path)

    def page(self, path: str) -> str | None:
        """Return the address of a page, by its path relative to the lake's root; None if it does not exist."""
        return self._address(path) if self._fs.exists(self._absolute(path)) else None

    def read_page(self, path: str) -> str | None:
        """Return a page's HTML, by its path relative to the lake's root; None if it does not exist or is damaged."""
        try:
            with self._open(path) as source:
                page = source.read().decode(errors="replace")
        except FileNotFoundError:
            return None
        return page if is_sealed(page) else None

    def pages(self) -> list[str]:
        """List the paths of all pages, relative to the lake's root."""
        found = (posixpath.relpath(path, self._base) for path in self._find(_PAGES))
        return sorted(path for path in found if path.endswith(".html"))

    def check_page(self, path: str) -> None:
        """Verify a page's checksum.

        Raises:
            DamagedFileError: The page is damaged. It is deleted.
        """
        if self.read_page(path) is None:
            with suppress(OSError):
                self._fs.rm_file(self._absolute(path))
            raise DamagedFileError(f"{path} in the lake {self.root} is damaged and was deleted; run its backtest again")

    def _address(self, path: str) -> str:
        return str(self._fs.unstrip_protocol(self._absolute(path))).removeprefix("file://")

    def find(self, key: Key) -> LakeFile | None:
        """Return a file without reading its rows; None if it is missing or damaged.

        Raises:
            LakeError: It cannot be read: an I/O failure, or not a regular file.
        """
        path = key.path
        try:
            with self._open(path) as source:
                check_seal(source)
                metadata = pq.read_metadata(source)
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            _check_is_damage(error, path)
            logger.warning("%s in the lake %s is damaged (%s); making it again", path, self.root, error)
            return None
        stored = {key.decode(errors="replace"): value for key, value in (metadata.metadata or {}).items()}
        fingerprint = stored.get(_FINGERPRINT.decode(), b"").decode(errors="replace")
        notes = {
            key.removeprefix(_NOTE): note.decode(errors="replace")
            for key, note in stored.items()
            if key.startswith(_NOTE)
        }
        return LakeFile(path, fingerprint, metadata.num_rows, int(self._fs.size(self._absolute(path))), notes)

    def fresh(self, key: Key, fingerprint: str) -> LakeFile | None:
        """Return a file if it has this fingerprint; None if it is missing, damaged, or has another."""
        file = self.find(key)
        return file if file and file.fingerprint == fingerprint else None

    def read(self, key: Key, columns: list[str] | None = None) -> pa.Table:
        """Read one file's rows, without the partition's columns.

        Args:
            key: The file's key.
            columns: Only these, in this order; None means all.

        Raises:
            LakeError: The file is missing, damaged, or has another schema.
        """
        with self.reader(key) as reader:
            return reader.read(columns)

    def read_all(self, folder: Folder) -> pa.Table:
        """Read the rows of all files of one partition, in order of the files' names.

        Raises:
            LakeError: A file is damaged or has another schema.
        """
        tables = [self.read(key) for key in self.keys(folder)]
        return pa.concat_tables(tables) if tables else folder.dataset.schema.empty_table()

    @contextmanager
    def reader(self, key: Key, fingerprint: str | None = None) -> Iterator[Reader]:
        """Open one file for reading by row groups.

        Args:
            key: The file's key.
            fingerprint: The expected fingerprint; None accepts any.

        Yields:
            The open file, its schema checked.

        Raises:
            LakeError: The file is missing, cannot be read, or has another schema.
            ChangedFileError: It has another fingerprint.
            DamagedFileError: The file is damaged. It is deleted, so that the next run makes it again.
        """
        dataset, path = key.dataset, key.path
        with ExitStack() as opened:
            with self._reading(path):
                source = opened.enter_context(self._open(path))
                check_seal(source)
                parquet = opened.enter_context(pq.ParquetFile(source, page_checksum_verification=True))
            check_schema(dataset, parquet.schema_arrow, path)
            if fingerprint not in (None, (parquet.metadata.metadata or {}).get(_FINGERPRINT, b"").decode()):
                raise ChangedFileError(
                    f"{path} in the lake {self.root} is of other input or another version; run the stage that makes it"
                )
            yield Reader(parquet, partial(self._reading, path))

    def check(self, key: Key) -> int:
        """Verify all checksums of one file.

        Returns:
            The number of rows.

        Raises:
            LakeError: The file is missing, cannot be read, or has another schema.
            DamagedFileError: The file is damaged. It is deleted.
        """
        with self._reading(key.path), self._fs.open(self._absolute(key.path), "rb") as source:
            check_content(source)
        with self.reader(key) as reader:
            return sum(piece.num_rows for piece in reader.pieces())

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise LakeError(f"{path} is not in the lake {self.root}; run the stage that makes it") from None
        except _DAMAGE as error:
            _check_is_damage(error, path)
            with suppress(OSError):
                self._fs.rm_file(self._absolute(path))
            raise DamagedFileError(
                f"{path} in the lake {self.root} is damaged ({error}) and was deleted; run the stage that makes it"
            ) from error

    def keys(self, folder: Folder) -> list[Key]:
        """List the files of one partition, sorted by name."""
        found = self._keys_of(folder.dataset, self._find(folder.path, maxdepth=1))
        return sorted(found, key=lambda key: key.name)

    def latest_first(self, folder: Folder) -> list[Key]:
        """List the files of one partition, latest modified first; ties in reverse order of name."""
        written = {key: self._fs.modified(self._absolute(key.path)) for key in self.keys(folder)}
        return sorted(written, key=lambda key: (written[key], key.name), reverse=True)

    def all_keys(self, dataset: Dataset) -> list[Key]:
        """List all files of a dataset, sorted by path."""
        return sorted(self._keys_of(dataset, self._find(dataset.name)), key=lambda key: key.path)

    def _keys_of(self, dataset: Dataset, found: Iterable[str]) -> Iterator[Key]:
        """Yield the keys of a dataset's files; warn of other Parquet files."""
        for path in found:
            if key := dataset.key_of(posixpath.relpath(path, self._absolute(dataset.name))):
                yield key
            elif path.endswith(".parquet"):
                _say_stranger(posixpath.relpath(path, self._base), self.root)

    def values(self, dataset: Dataset) -> list[str]:
        """List the values of a dataset's outermost partition key that have a folder, sorted."""
        prefix = f"{dataset.partitions[0]}="
        folder = self._absolute(dataset.name)
        if not self._fs.isdir(folder):
            return []
        found = (posixpath.basename(path.rstrip("/")) for path in self._fs.ls(folder, detail=False))
        return sorted(name.removeprefix(prefix) for name in found if name.startswith(prefix))

    def newest(self, keys: Iterable[Key]) -> Key | None:
        """Return the latest modified of the files that exist; None if none does."""
        paths = {key: self._absolute(key.path) for key in keys}
        written = {key: self._fs.modified(path) for key, path in paths.items() if self._fs.exists(path)}
        return max(written, key=lambda key: written[key], default=None)

    def delete(self, key: Key) -> None:
        """Delete one file, if it exists."""
        path = self._absolute(key.path)
        if self._fs.exists(path):
            self._fs.rm_file(path)

    def delete_folders(self, dataset: Dataset, outermost: str, *inner: str) -> None:
        """Delete all partitions with these values of the leading partition keys."""
        values = (outermost, *inner)
        pairs = zip(dataset.partitions[: len(values)], values, strict=True)
        folder = self._absolute(posixpath.join(dataset.name, *(f"{key}={value}" for key, value in pairs)))
        if self._fs.isdir(folder):
            self._fs.rm(folder, recursive=True)

    def forget_old(self, dataset: Dataset) -> int:
        """Delete a dataset's folders from an earlier partitioning.

        Returns:
            The number of folders deleted.
        """
        prefix, folder = f"{dataset.partitions[0]}=", self._absolute(dataset.name)
        if not self._fs.isdir(folder):
            return 0
        found = [path.rstrip("/") for path in self._fs.ls(folder, detail=False)]
        old = [path for path in found if _is_partition(path, but=prefix) and self._fs.isdir(path)]
        for path in old:
            self._fs.rm(path, recursive=True)
        return len(old)

    def _open(self, path: str) -> IO[bytes]:
        absolute = self._absolute(path)
        if isinstance(self._fs, LocalFileSystem) and Path(absolute).exists() and not Path(absolute).is_file():
            raise LakeError(f"{path} in the lake {self.root} is a folder, a pipe or a device; delete it")
        opened: IO[bytes] = self._fs.open(absolute, "rb")
        return opened

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._base, path) if path else self._base

    def _find(self, folder: str, maxdepth: int | None = None) -> list[str]:
        with translated_errors(self._fs, self.root, LakeError):
            return list(self._fs.find(self._absolute(folder), maxdepth=maxdepth))


def _is_partition(path: str, *, but: str) -> bool:
    name = posixpath.basename(path)
    return "=" in name and not name.startswith(but)


@cache
def _say_stranger(path: str, root: str) -> None:
    """Warn once per file, so that whoever put it there knows it is ignored."""
    logger.warning("%s in the lake %s is not one of its files and is ignored", path, root)


def _check_is_damage(error: Exception, path: str) -> None:
    # An OSError with errno is an I/O failure, not corruption: the file may be intact.
    if isinstance(error, OSError) and error.errno:
        raise LakeError(f"{path} cannot be read: {error}") from error
