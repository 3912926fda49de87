"""Read and write one Parquet file of the lake by row groups, validated against its dataset."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import LakeError
from tasks.lake.dataset import Dataset


class LakeFile(NamedTuple):
    """A complete file of the lake.

    Attributes:
        path: Relative to the lake's root, with forward slashes.
        fingerprint: Of everything its content depends on.
        rows: Number of rows.
        bytes: Length in bytes.
        notes: The stage's metadata besides the rows: counts, dependencies.
    """

    path: str
    fingerprint: str
    rows: int
    bytes: int
    notes: dict[str, str]


class Reader:
    """Reads one file of the lake, verifying page checksums; from `Lake.reader`.

    Attributes:
        metadata: Its Parquet metadata.
    """

    def __init__(self, parquet: pq.ParquetFile, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self._parquet, self._reading = parquet, reading
        self.metadata = parquet.metadata

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all rows.

        Args:
            columns: Only these, in this order; None means all.

        Raises:
            DamagedFileError: A page fails its checksum.
        """
        with self._reading():
            # Arrow's threads can abort the process if it ends before they do: apache/arrow#34314.
            return self._parquet.read(columns=columns, use_threads=False)

    def pieces(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of each row group.

        Args:
            columns: Only these; None means all.

        Raises:
            DamagedFileError: A page fails its checksum.
        """
        for number in range(self.metadata.num_row_groups):
            yield self.read_row_group(number, columns)

    def pieces_with(self, column: str, values: Collection[str], columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows of each row group that have one of some values; what surely has none is not read.

        Args:
            column: The column to look at; it holds texts.
            values: Its values.
            columns: The columns of the rows.

        Raises:
            DamagedFileError: A page fails its checksum.
        """
        in_order, wanted = sorted(values), pa.array(values, pa.string())
        place = self.metadata.schema.names.index(column)
        for number in range(self.metadata.num_row_groups):
            statistics = self.metadata.row_group(number).column(place).statistics
            if statistics and statistics.has_min_max and not _any_between(in_order, statistics.min, statistics.max):
                continue
            found = pc.is_in(self.read_row_group(number, [column])[column], wanted)
            if pc.any(found, min_count=0).as_py():
                yield self.read_row_group(number, columns).filter(found)

    def read_row_group(self, number: int, columns: list[str] | None = None) -> pa.Table:
        """Read the rows of one row group.

        Args:
            number: From 0.
            columns: Only these; None means all.

        Raises:
            DamagedFileError: A page fails its checksum.
        """
        with self._reading():
            return self._parquet.read_row_group(number, columns=columns, use_threads=False)


class Writer:
    """Writes one file of the lake by row groups; from `Lake.writer`.

    Attributes:
        rows: Rows written so far.
        notes: The file's notes; to be filled before the block of `Lake.writer` ends.
        file: The file; set when the block of `Lake.writer` has ended.
    """

    file: LakeFile

    def __init__(self, dataset: Dataset, path: str, parquet: pq.ParquetWriter) -> None:
        self._dataset, self._path, self._parquet = dataset, path, parquet
        self._keys: set[tuple[object, ...]] = set()
        self.rows = 0
        self.notes: dict[str, str] = {}

    def write(self, table: pa.Table) -> None:
        """Write a table with exactly the dataset's columns as a row group.

        Raises:
            LakeError: The table does not fit the dataset.
        """
        check_schema(self._dataset, table.schema, self._path)
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


def _any_between(in_order: list[str], least: str, most: str) -> bool:
    place = bisect_left(in_order, least)
    return place < len(in_order) and in_order[place] <= most


def check_schema(dataset: Dataset, schema: pa.Schema, path: str) -> None:
    """Check that a schema has a dataset's columns, by name, type and order.

    Args:
        dataset: The dataset.
        schema: Of a table or a file.
        path: The file's, for the message.

    Raises:
        LakeError: It does not; the message lists every difference.
    """
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
        why = "; ".join([*problems, "another version wrote it; run the backtest again"])
        raise LakeError(f"{path} does not fit {dataset.name}: {why}")


def _empty_values(dataset: Dataset, table: pa.Table) -> Iterator[str]:
    for field in dataset.schema:
        empty = table.column(field.name).null_count
        if empty and not field.nullable:
            yield f"{field.name} is empty in {empty} rows"
