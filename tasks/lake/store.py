"""The one door to the lake's Parquet: every file is validated, written whole or not at all, and knows its fingerprint.

What the datasets are is declared in `datasets.py`; what goes into a file is decided by the stage that writes it.
"""

import hashlib
import io
import os
import platform
import posixpath
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import fsspec
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import LakeError
from tasks.lake.datasets import Dataset

# What pyarrow raises on a file whose bytes are not what was written, whichever bytes those are.
_DAMAGE = (OSError, UnicodeDecodeError, pa.ArrowException)

_FINGERPRINT = b"fingerprint"
_TEMPORARY = ".tmp"
_WRITER = re.compile(r"(?P<host>.*)\.(?P<pid>\d+)\.[0-9a-f]{32}")
_COMPRESSION = {"compression": "zstd", "compression_level": 1}


class LakeFile(NamedTuple):
    """A whole file of the lake.

    Attributes:
        path: Below the lake's root, with forward slashes.
        fingerprint: What decided its content.
        rows: Its rows.
        bytes: Its length in bytes.
    """

    path: str
    fingerprint: str
    rows: int
    bytes: int


def file_path(dataset: Dataset, partition: Mapping[str, object], name: str = "data") -> str:
    """Say where a file lies below the lake's root.

    Args:
        dataset: The dataset.
        partition: A value for each of the dataset's partition keys.
        name: The file's name without its ending; a partition of several files gives each its own.

    Returns:
        `dataset/key=value/…/name.parquet`.

    Raises:
        LakeError: The keys are not the dataset's, or a value cannot stand in a path.
    """
    if tuple(partition) != dataset.partitions:
        raise LakeError(f"{dataset.name} is partitioned by {dataset.partitions}, not by {tuple(partition)}")
    for value in (*partition.values(), name):
        if not str(value) or set(str(value)) & set('/\\=<>:"|?*') or str(value).startswith("."):
            raise LakeError(f"{dataset.name}: {str(value)!r} cannot be part of a path in the lake")
    folders = [f"{key}={value}" for key, value in partition.items()]
    return posixpath.join(dataset.name, *folders, f"{name}.parquet")


class Lake:
    """A lake: a folder on a disk or an object store.

    Attributes:
        root: Its address, a path or an fsspec URL.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._fs, self._base = fsspec.core.url_to_fs(self.root)

    def __reduce__(self) -> tuple[type["Lake"], tuple[str]]:
        """Cross to worker processes as the address alone."""
        return type(self), (self.root,)

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    def write(
        self,
        dataset: Dataset,
        partition: Mapping[str, object],
        table: pa.Table,
        fingerprint: str,
        name: str = "data",
    ) -> LakeFile:
        """Write one file, whole or not at all.

        Args:
            dataset: What it belongs to.
            partition: A value for each partition key.
            table: Its rows, with exactly the dataset's columns.
            fingerprint: What decided its content.
            name: The file's name without its ending.

        Returns:
            The file.

        Raises:
            LakeError: The table does not fit the dataset.
        """
        with self.writer(dataset, partition, fingerprint, name) as writer:
            writer.write(table)
        return writer.file

    @contextmanager
    def writer(
        self, dataset: Dataset, partition: Mapping[str, object], fingerprint: str, name: str = "data"
    ) -> Iterator["Writer"]:
        """Write one file piece by piece, each piece a row group; it appears whole when the block ends well.

        Args:
            dataset: What it belongs to.
            partition: A value for each partition key.
            fingerprint: What decided its content.
            name: The file's name without its ending.

        Yields:
            Its writer; `writer.file` is there after the block.
        """
        path = file_path(dataset, partition, name)
        metadata = {_FINGERPRINT: fingerprint.encode(), b"dataset": dataset.name.encode()}
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
            length = sink.tell()
        writer.file = LakeFile(path, fingerprint, writer.rows, length)

    @contextmanager
    def _whole(self, path: str) -> Iterator[IO[bytes]]:
        if not isinstance(self._fs, LocalFileSystem):
            # An object store shows an object when its single put ends, and never before.
            buffer = io.BytesIO()
            yield buffer
            self._fs.pipe_file(self._absolute(path), buffer.getvalue())
            return
        target = Path(self._absolute(path))
        temporary = Path(self._absolute(_TEMPORARY)) / f"{platform.node()}.{os.getpid()}.{uuid.uuid4().hex}"
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.parent.mkdir(exist_ok=True)
        try:
            with temporary.open("wb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)

    def write_page(self, path: str, page: str) -> str:
        """Write a page for people, whole or not at all.

        Args:
            path: Below the lake's root, with forward slashes.
            page: HTML.

        Returns:
            Its address.
        """
        with self._whole(path) as sink:
            sink.write(page.encode())
        return self._address(path)

    def page(self, path: str) -> str | None:
        """Find a page.

        Args:
            path: Below the lake's root.

        Returns:
            Its address, or None where there is none.
        """
        return self._address(path) if self._fs.exists(self._absolute(path)) else None

    def _address(self, path: str) -> str:
        return str(self._fs.unstrip_protocol(self._absolute(path))).removeprefix("file://")

    def find(self, dataset: Dataset, partition: Mapping[str, object], name: str = "data") -> LakeFile | None:
        """Look a file up without reading its rows.

        Args:
            dataset: What it belongs to.
            partition: A value for each partition key.
            name: The file's name without its ending.

        Returns:
            The file, or None where it is missing or cut short.
        """
        path = file_path(dataset, partition, name)
        try:
            with self._fs.open(self._absolute(path), "rb") as source:
                metadata = pq.read_metadata(source)
        except _DAMAGE:
            return None
        stored = (metadata.metadata or {}).get(_FINGERPRINT, b"").decode(errors="replace")
        return LakeFile(path, stored, metadata.num_rows, int(self._fs.size(self._absolute(path))))

    def fresh(
        self, dataset: Dataset, partition: Mapping[str, object], fingerprint: str, name: str = "data"
    ) -> LakeFile | None:
        """Find a file that need not be made again.

        Args:
            dataset: What it belongs to.
            partition: A value for each partition key.
            fingerprint: What has to have decided its content.
            name: The file's name without its ending.

        Returns:
            The file, or None where it is missing, cut short, or was decided by something else.
        """
        file = self.find(dataset, partition, name)
        return file if file and file.fingerprint == fingerprint else None

    def read(
        self,
        dataset: Dataset,
        partition: Mapping[str, object],
        name: str = "data",
        columns: list[str] | None = None,
    ) -> pa.Table:
        """Read one file.

        Args:
            dataset: What it belongs to.
            partition: A value for each partition key.
            name: The file's name without its ending.
            columns: Only these, in this order; all where None.

        Returns:
            Its rows, without the partition's columns.

        Raises:
            LakeError: The file is missing, damaged, or not of the dataset's schema.
        """
        path = file_path(dataset, partition, name)
        with self.open_parquet(dataset, path) as parquet:
            return parquet.read(columns=columns)

    def read_all(self, dataset: Dataset, partition: Mapping[str, object]) -> pa.Table:
        """Read all files of one partition.

        Args:
            dataset: What they belong to.
            partition: A value for each partition key.

        Returns:
            Their rows, file by file in the order of their names.

        Raises:
            LakeError: A file is damaged, or not of the dataset's schema.
        """
        tables = [self.read(dataset, partition, name) for name in self.names(dataset, partition)]
        return pa.concat_tables(tables) if tables else dataset.schema.empty_table()

    @contextmanager
    def open_parquet(self, dataset: Dataset, path: str) -> Iterator[pq.ParquetFile]:
        """Open one file for reading piece by piece.

        Args:
            dataset: What it belongs to.
            path: Below the lake's root.

        Yields:
            The open file, its schema checked and its pages verified as they are read.

        Raises:
            LakeError: The file is missing, damaged, or not of the dataset's schema.
        """
        try:
            with (
                self._fs.open(self._absolute(path), "rb") as source,
                pq.ParquetFile(source, page_checksum_verification=True) as parquet,
            ):
                _check_schema(dataset, parquet.schema_arrow, path)
                yield parquet
        except FileNotFoundError:
            raise LakeError(f"{path} is not in the lake {self.root}; run the stage that makes it") from None
        except _DAMAGE as error:
            raise LakeError(f"{path} in the lake {self.root} is damaged ({error}); delete it and rerun") from error

    def names(self, dataset: Dataset, partition: Mapping[str, object]) -> list[str]:
        """List the files of one partition.

        Args:
            dataset: The dataset.
            partition: A value for each partition key.

        Returns:
            Their names without ending, sorted.
        """
        folder = posixpath.dirname(file_path(dataset, partition))
        return sorted(
            posixpath.basename(path).removesuffix(".parquet")
            for path in self._find(folder, maxdepth=1)
            if path.endswith(".parquet")
        )

    def values(self, dataset: Dataset) -> list[str]:
        """List the values of a dataset's outermost partition key.

        Args:
            dataset: The dataset.

        Returns:
            The values for which there is a folder, sorted.
        """
        prefix = f"{dataset.partitions[0]}="
        folder = self._absolute(dataset.name)
        if not self._fs.isdir(folder):
            return []
        found = (posixpath.basename(path.rstrip("/")) for path in self._fs.ls(folder, detail=False))
        return sorted(name.removeprefix(prefix) for name in found if name.startswith(prefix))

    def newest(self, dataset: Dataset) -> str | None:
        """Find the partition that was written last, of a dataset with one partition key.

        Args:
            dataset: The dataset.

        Returns:
            Its value, or None where there is none.
        """
        (key,) = dataset.partitions
        paths = {value: self._absolute(file_path(dataset, {key: value})) for value in self.values(dataset)}
        written = {value: self._fs.modified(path) for value, path in paths.items() if self._fs.exists(path)}
        return max(written, key=lambda value: written[value], default=None)

    def delete(self, dataset: Dataset, partition: Mapping[str, object], name: str = "data") -> None:
        """Delete one file, if it is there.

        Args:
            dataset: The dataset.
            partition: A value for each partition key.
            name: The file's name without its ending.
        """
        path = self._absolute(file_path(dataset, partition, name))
        if self._fs.exists(path):
            self._fs.rm_file(path)

    def clear_temporaries(self) -> int:
        """Delete what killed writers on this machine left half written; those of living writers stay.

        Returns:
            How many files were deleted.
        """
        left = 0
        for path in self._find(_TEMPORARY):
            written_by = _WRITER.fullmatch(posixpath.basename(path))
            if written_by and written_by["host"] == platform.node() and not psutil.pid_exists(int(written_by["pid"])):
                self._fs.rm_file(path)
                left += 1
        return left

    def sha256(self, path: str) -> str:
        """Hash a file's bytes.

        Args:
            path: Below the lake's root.

        Returns:
            Hexadecimal digits.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with self._fs.open(self._absolute(path), "rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._base, path) if path else self._base

    def _find(self, folder: str, maxdepth: int | None = None) -> list[str]:
        return list(self._fs.find(self._absolute(folder), maxdepth=maxdepth))


class Writer:
    """Writes one file of the lake piece by piece; got from `Lake.writer`.

    Attributes:
        rows: Rows written so far.
        file: The file, once the block of `Lake.writer` has ended.
    """

    file: LakeFile

    def __init__(self, dataset: Dataset, path: str, parquet: pq.ParquetWriter) -> None:
        self._dataset, self._path, self._parquet = dataset, path, parquet
        self._keys: set[tuple[object, ...]] = set()
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Add a row group.

        Args:
            table: Its rows, with exactly the dataset's columns.

        Raises:
            LakeError: The table does not fit the dataset.
        """
        _check_schema(self._dataset, table.schema, self._path)
        problems = [*_empty_values(self._dataset, table), *self._repeated_keys(table)]
        if problems:
            raise LakeError(f"{self._path} does not fit {self._dataset.name}: {'; '.join(problems)}")
        self._parquet.write_table(table.cast(self._dataset.schema), row_group_size=max(table.num_rows, 1))
        self.rows += table.num_rows

    def _repeated_keys(self, table: pa.Table) -> Iterator[str]:
        names = self._dataset.keys
        if names:
            before = len(self._keys)
            self._keys.update(zip(*(table.column(name).to_pylist() for name in names), strict=True))
            repeated = before + table.num_rows - len(self._keys)
            if repeated:
                yield f"{repeated} rows repeat the key {names}"


def _check_schema(dataset: Dataset, schema: pa.Schema, path: str) -> None:
    problems = [f"{name} is missing" for name in dataset.schema.names if name not in schema.names]
    problems += [f"{name} is not a column of it" for name in schema.names if name not in dataset.schema.names]
    problems += [
        f"{field.name} is {schema.field(field.name).type}, not {field.type}"
        for field in dataset.schema
        if field.name in schema.names and schema.field(field.name).type != field.type
    ]
    if not problems and schema.names != dataset.schema.names:
        problems = [f"the columns' order is {schema.names}, not {dataset.schema.names}"]
    if problems:
        raise LakeError(f"{path} does not fit {dataset.name}: {'; '.join(problems)}")


def _empty_values(dataset: Dataset, table: pa.Table) -> Iterator[str]:
    for field in dataset.schema:
        empty = table.column(field.name).null_count
        if empty and not field.nullable:
            yield f"{field.name} is empty in {empty} rows"


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder; its rename is durable on its own terms
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
