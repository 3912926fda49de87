"""What a dataset is, and the keys by which its files are found: a class for each way in which files are laid out.

A key is made by its dataset, `MARKETS.at(archive=…, chunk=…)`, so that a wrong one is a type error.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from tasks.errors import LakeError
from tasks.lake.fingerprint import digest

_FORBIDDEN = set('/\\=<>:"|?*')

# File systems take 255 bytes, with the ending.
_LONGEST_NAME = 200

DATA = "data"
"""The name of the only file of a partition."""


@dataclass(frozen=True)
class Column:
    """A column: what it holds, and in which unit.

    Attributes:
        name: As in the exchange's own words.
        type: Arrow type, the same in every file.
        meaning: One line, with the unit where there is one.
        nullable: Whether a row may lack it.
        repeats: Whether a value is worth a dictionary and statistics; not so where each is a long text of its own.
    """

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    repeats: bool = True


@dataclass(frozen=True)
class Folder:
    """A partition of a dataset.

    Attributes:
        dataset: Whose it is.
        partition: A value for each of its partition keys, outermost first.
    """

    dataset: "Dataset"
    partition: tuple[str, ...]

    def file(self, name: str = DATA) -> "Key":
        """Name one of its files, without ending."""
        return Key(self, name)

    @property
    def path(self) -> str:
        """`dataset/key=value/…`.

        Raises:
            LakeError: A value cannot stand in a path.
        """
        pairs = zip(self.dataset.partitions, self.partition, strict=True)
        return posixpath.join(self.dataset.name, *(f"{key}={_checked(self.dataset, value)}" for key, value in pairs))


@dataclass(frozen=True)
class Key:
    """A file of a dataset.

    Attributes:
        folder: The partition that it is in.
        name: Its name without ending.
    """

    folder: Folder
    name: str = DATA

    @property
    def dataset(self) -> "Dataset":
        """Whose it is."""
        return self.folder.dataset

    @property
    def path(self) -> str:
        """Where it lies below the lake's root: `dataset/key=value/…/name.parquet`.

        Raises:
            LakeError: A value cannot stand in a path.
        """
        return f"{self.folder.path}/{_checked(self.dataset, self.name)}.parquet"


def _checked(dataset: "Dataset", value: str) -> str:
    if not value or set(value) & _FORBIDDEN or value.startswith("."):
        raise LakeError(f"{dataset.name}: {value!r} cannot be part of a path in the lake")
    return value


@dataclass(frozen=True)
class Dataset:
    """A dataset: a folder of Parquet files with one schema.

    Attributes:
        partitions: The `key=value` folders below it, outermost first; their values are not stored in the files.
        name: Its folder below the lake's root.
        columns: In the order of the files.
        keys: The columns that together name a row within a file; empty where rows have no name.
        row: What one row is.
        files: What its files may be called beside `data`, a regular expression; what is called otherwise is not ours.
    """

    partitions: ClassVar[tuple[str, ...]] = ()

    name: str
    columns: tuple[Column, ...] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    row: str = field(repr=False)
    files: str = field(default=DATA, repr=False)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every file, each field's meaning in its metadata."""
        return pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable, metadata={"meaning": c.meaning}) for c in self.columns]
        )

    @property
    def layout(self) -> list[str]:
        """The columns' names and types: what must not change under a file that is taken as fresh."""
        return [f"{c.name}:{c.type}" for c in self.columns]

    def key_of(self, path: str) -> Key | None:
        """Find the key of a file.

        Args:
            path: Below the dataset's folder.

        Returns:
            Its key; None where it is none of the dataset's, by its place or name.
        """
        folders = "".join(f"{key}=([^/]+)/" for key in self.partitions)
        match = re.fullmatch(rf"{folders}({DATA}|{self.files})\.parquet", path)
        return self._at(*match.groups()[: len(self.partitions)]).file(match.groups()[-1]) if match else None

    def _at(self, *values: object) -> Folder:
        return Folder(self, tuple(map(str, values)))


class Whole(Dataset):
    """A dataset in one folder, a file for each thing that it is about."""

    @property
    def folder(self) -> Folder:
        """All its files."""
        return self._at()

    def at(self, name: str) -> Key:
        """Find the file of one thing: what an archive is, or a digest of its address."""
        return self._at().file(name)


class ByArchive(Dataset):
    """A file an archive."""

    partitions = ("archive",)

    def at(self, archive: str) -> Key:
        """Find an archive's file."""
        return self._at(archive).file()


class ByChunk(Dataset):
    """A folder an archive, a file a chunk in it."""

    partitions = ("archive",)

    def of(self, archive: str) -> Folder:
        """Find an archive's files."""
        return self._at(archive)

    def at(self, archive: str, chunk: int) -> Key:
        """Find a chunk's file."""
        return self._at(archive).file(chunk_name(chunk))


class OfMessages(Dataset):
    """A folder a chunk."""

    partitions = ("archive", "chunk")

    def at(self, archive: str, chunk: int) -> Key:
        """Find a chunk's file."""
        return self._at(archive, chunk).file()


class OfWindows(Dataset):
    """A folder a window and chunk, a file a set of market types in it."""

    partitions = ("window", "archive", "chunk")

    def of(self, window: str, archive: str, chunk: int) -> Folder:
        """Find a chunk's files of a window, as a person writes it."""
        # Windows cannot have a folder whose name ends in dots.
        return self._at(window.replace("..", "_"), archive, chunk)

    def at(self, window: str, archive: str, chunk: int, market_types: Iterable[str]) -> Key:
        """Find the file of some market types, in their order; none means all."""
        name = "+".join(market_types) or "ALL"
        if len(name) > _LONGEST_NAME:
            name = digest([name.encode()]).upper()
        return self.of(window, archive, chunk).file(name)


class ByModelAndDate(Dataset):
    """A folder a ratings model and day."""

    partitions = ("model", "date")

    def at(self, model: str, date: str) -> Key:
        """Find a day's file."""
        return self._at(model, date).file()


class ByMonth(Dataset):
    """A folder a month, a file a replay in it."""

    partitions = ("month",)

    def of(self, month: str) -> Folder:
        """Find a month's files."""
        return self._at(month)

    def at(self, month: str, replay: str) -> Key:
        """Find the file of a replay, by its fingerprint."""
        return self._at(month).file(replay)


class ByRun(Dataset):
    """A folder a run."""

    partitions = ("run",)

    def at(self, run: str) -> Key:
        """Find a run's file."""
        return self._at(run).file()


class AsAsked(Dataset):
    """A folder a run, its file named by its place among all."""

    partitions = ("run",)

    def of(self, run: str) -> Folder:
        """Find a run's files."""
        return self._at(run)

    def at(self, run: str, number: int) -> Key:
        """Find the file of a run that was asked for in this place, from 1."""
        return self._at(run).file(f"{number:012d}")


class BySource(Dataset):
    """A folder a stage and what its rejects are of, a file a part of it."""

    partitions = ("stage", "source")

    def of(self, stage: str, source: str) -> Folder:
        """Find all rejects that a stage has of an archive or ratings model."""
        return self._at(stage, source)

    def at(self, stage: str, source: str, name: str) -> Key:
        """Find a part of them."""
        return self._at(stage, source).file(name)


def chunk_name(number: int) -> str:
    """Name a chunk's files in datasets not partitioned by chunk: `chunk-0001`, so that names sort as numbers do."""
    return f"chunk-{number:04d}"
