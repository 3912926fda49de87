"""Datasets and the keys of their files: one class per partitioning.

A dataset makes its own keys, `MARKETS.at(archive=…, chunk=…)`, so that a wrong key is a type error.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from tasks.errors import LakeError
from tasks.lake.fingerprint import digest

FORBIDDEN = '/\\=<>:"|?*'
"""Characters that no path of the lake has, as not every file system can."""

# File systems allow 255 bytes, extension included.
_LONGEST_NAME = 200

DATA = "data"
"""The name of the only file of a partition."""


@dataclass(frozen=True)
class Column:
    """A column of a dataset.

    Attributes:
        name: In the exchange's vocabulary.
        type: Arrow type, the same in every file.
        meaning: One line, with the unit if it has one.
        nullable: Whether a row may lack it.
        repeats: Whether to write a dictionary and statistics; False for long texts that are all different.
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
        dataset: The dataset.
        partition: A value for each of its partition keys, outermost first.
    """

    dataset: "Dataset"
    partition: tuple[str, ...]

    def file(self, name: str = DATA) -> "Key":
        """Return the key of one of its files, by its name without extension."""
        return Key(self, name)

    @property
    def path(self) -> str:
        """`dataset/key=value/…`.

        Raises:
            LakeError: A value is not allowed in a path.
        """
        pairs = zip(self.dataset.partitions, self.partition, strict=True)
        return posixpath.join(self.dataset.name, *(f"{key}={_checked(self.dataset, value)}" for key, value in pairs))


@dataclass(frozen=True)
class Key:
    """A file of a dataset.

    Attributes:
        folder: Its partition.
        name: Its name without extension.
    """

    folder: Folder
    name: str = DATA

    @property
    def dataset(self) -> "Dataset":
        """The dataset."""
        return self.folder.dataset

    @property
    def path(self) -> str:
        """Relative to the lake's root: `dataset/key=value/…/name.parquet`.

        Raises:
            LakeError: A value is not allowed in a path.
        """
        return f"{self.folder.path}/{_checked(self.dataset, self.name)}.parquet"


def can_be_in_a_path(value: str) -> bool:
    """Return whether a value can be part of a path in the lake."""
    return bool(value) and not set(value) & set(FORBIDDEN) and not value.startswith(".")


def _checked(dataset: "Dataset", value: str) -> str:
    if not can_be_in_a_path(value):
        raise LakeError(f"{dataset.name}: {value!r} cannot be part of a path in the lake")
    return value


@dataclass(frozen=True)
class Dataset:
    """A dataset: a folder of Parquet files with one schema.

    Attributes:
        partitions: The `key=value` folders below it, outermost first; their values are not stored in the files.
        name: Its folder below the lake's root.
        columns: In the files' order.
        keys: The columns that are unique together within a file; empty if rows have no key.
        row: What one row is.
        files: A regular expression of allowed file names besides `data`; other files are ignored.
    """

    partitions: ClassVar[tuple[str, ...]] = ()

    name: str
    columns: tuple[Column, ...] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    row: str = field(repr=False)
    files: str = field(default=DATA, repr=False)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every file, with each column's meaning in its field's metadata."""
        return pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable, metadata={"meaning": c.meaning}) for c in self.columns]
        )

    @property
    def layout(self) -> list[str]:
        """The columns' names and types, as part of fingerprints: a file with another layout is not fresh."""
        return [f"{c.name}:{c.type}" for c in self.columns]

    def key_of(self, path: str) -> Key | None:
        """Return the key of a path relative to the dataset's folder; None if its folder or name does not fit."""
        folders = "".join(f"{key}=([^/]+)/" for key in self.partitions)
        match = re.fullmatch(rf"{folders}({DATA}|{self.files})\.parquet", path)
        return self._at(*match.groups()[: len(self.partitions)]).file(match.groups()[-1]) if match else None

    def _at(self, *values: object) -> Folder:
        return Folder(self, tuple(map(str, values)))


class Whole(Dataset):
    """Not partitioned: one folder, one file per subject."""

    @property
    def folder(self) -> Folder:
        """The folder of all its files."""
        return self._at()

    def at(self, name: str) -> Key:
        """Return the key of one subject: a digest of an archive's address."""
        return self._at().file(name)


class OfTypes(Dataset):
    """Not partitioned: one file per archive and set of market types."""

    @property
    def folder(self) -> Folder:
        """The folder of all its files."""
        return self._at()

    def at(self, content: str, market_types: Sequence[str] = ()) -> Key:
        """Return the key of an archive's file for some market types, in upper case and sorted; none means all."""
        types = "+".join(market_types)
        if len(types) > _LONGEST_NAME:
            types = digest([types.encode()]).upper()
        return self._at().file(f"{content}-{types}" if types else content)


class ByArchive(Dataset):
    """One file per archive."""

    partitions = ("archive",)

    def at(self, archive: str) -> Key:
        """Return the key of an archive's file."""
        return self._at(archive).file()


class ByChunk(Dataset):
    """One folder per archive, one file per chunk."""

    partitions = ("archive",)

    def of(self, archive: str) -> Folder:
        """Return the folder of an archive's files."""
        return self._at(archive)

    def at(self, archive: str, chunk: int) -> Key:
        """Return the key of a chunk's file."""
        return self._at(archive).file(chunk_name(chunk))


class OfMessages(Dataset):
    """One folder per chunk."""

    partitions = ("archive", "chunk")

    def at(self, archive: str, chunk: int) -> Key:
        """Return the key of a chunk's file."""
        return self._at(archive, chunk).file()


class OfWindows(Dataset):
    """One folder per window and chunk."""

    partitions = ("window", "archive", "chunk")

    def at(self, window: str, archive: str, chunk: int) -> Key:
        """Return the key of a chunk's file of a window."""
        # Windows (the operating system) does not allow folder names that end in dots.
        return self._at(window.replace("..", "_"), archive, chunk).file()


class ByModelAndDate(Dataset):
    """One folder per ratings model and day."""

    partitions = ("model", "date")

    def at(self, model: str, date: str) -> Key:
        """Return the key of a day's file."""
        return self._at(model, date).file()


class ByMonth(Dataset):
    """One folder per month, one file per replay."""

    partitions = ("month",)

    def of(self, month: str) -> Folder:
        """Return the folder of a month's files."""
        return self._at(month)

    def at(self, month: str, replay: str) -> Key:
        """Return the key of a replay's file, by its fingerprint."""
        return self._at(month).file(replay)


class ByRun(Dataset):
    """One folder per run."""

    partitions = ("run",)

    def at(self, run: str) -> Key:
        """Return the key of a run's file."""
        return self._at(run).file()


class AsAsked(Dataset):
    """One folder per run, one file named by the run's number among all requests."""

    partitions = ("run",)

    def of(self, run: str) -> Folder:
        """Return the folder of a run's files."""
        return self._at(run)

    def at(self, run: str, number: int) -> Key:
        """Return the key of the file of a run, by its number, from 1."""
        return self._at(run).file(f"{number:012d}")


class BySource(Dataset):
    """One folder per stage and source of rejects, one file per part."""

    partitions = ("stage", "source")

    def of(self, stage: str, source: str) -> Folder:
        """Return the folder of a stage's rejects from an archive or ratings model."""
        return self._at(stage, source)

    def at(self, stage: str, source: str, name: str) -> Key:
        """Return the key of one part."""
        return self._at(stage, source).file(name)


def chunk_name(number: int) -> str:
    """Name a chunk's files in datasets not partitioned by chunk: `chunk-0001`, padded so that names sort by number."""
    return f"chunk-{number:04d}"
