"""One Parquet file of the lake, read and written piece by piece and checked against its dataset.

Where files lie, and how they appear whole or not at all, is the business of `store.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import LakeError
from tasks.lake.dataset import Dataset


class LakeFile(NamedTuple):
    """A whole file of the lake.

    Attributes:
        path: Below the lake's root, with forward slashes.
        fingerprint: What decided its content.
        rows: Its rows.
        bytes: Its length in bytes.
        notes: What its stage says of it beside its rows: counts, what it depended on.
    """

    path: str
    fingerprint: str
    rows: int
    bytes: int
    notes: dict[str, str]


class Reader:
    """Reads one file of the lake piece by piece, its pages verified; got from `Lake.reader`.

    Attributes:
        metadata: Its Parquet metadata.
    """

    def __init__(self, parquet: pq.ParquetFile, reading: Callable[[], AbstractContextManager[None]]) -> None:
        self._parquet, self._reading = parquet, reading
        self.metadata = parquet.metadata

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Read all of it.

        Args:
            columns: Only these, in this order; all where None.

        Returns:
            Its rows.

        Raises:
            DamagedFileError: A page is not what was written.
        """
        with self._reading():
            # Threads of Arrow's that still end as the process does now and then abort it: apache/arrow#34314.
            return self._parquet.read(columns=columns, use_threads=False)

    def pieces(self) -> Iterator[pa.Table]:
        """Read it row group by row group.

        Yields:
            Their rows.

        Raises:
            DamagedFileError: A page is not what was written.
        """
        for number in range(self.metadata.num_row_groups):
            yield self.read_row_group(number)

    def read_row_group(self, number: int, columns: list[str] | None = None) -> pa.Table:
        """Read a row group.

        Args:
            number: From 0.
            columns: Only these; all where None.

        Returns:
            Its rows.

        Raises:
            DamagedFileError: A page is not what was written.
        """
        with self._reading():
            return self._parquet.read_row_group(number, columns=columns, use_threads=False)


class Writer:
    """Writes one file of the lake piece by piece; got from `Lake.writer`.

    Attributes:
        rows: Rows written so far.
        notes: What goes into the file beside its rows; to be filled before the block of `Lake.writer` ends.
        file: The file, once the block of `Lake.writer` has ended.
    """

    file: LakeFile

    def __init__(self, dataset: Dataset, path: str, parquet: pq.ParquetWriter) -> None:
        self._dataset, self._path, self._parquet = dataset, path, parquet
        self._keys: set[tuple[object, ...]] = set()
        self.rows = 0
        self.notes: dict[str, str] = {}

    def write(self, table: pa.Table) -> None:
        """Add a row group.

        Args:
            table: Its rows, with exactly the dataset's columns.

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


def check_schema(dataset: Dataset, schema: pa.Schema, path: str) -> None:
    """Check that columns are a dataset's, in name, type and order.

    Args:
        schema: Of a table or a file.
        path: Where it lies or goes, below the lake's root.

    Raises:
        LakeError: They are not; the text says all that is wrong.
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
        why = "; ".join([*problems, "another version wrote it, run the backtest again"])
        raise LakeError(f"{path} does not fit {dataset.name}: {why}")


def _empty_values(dataset: Dataset, table: pa.Table) -> Iterator[str]:
    for field in dataset.schema:
        empty = table.column(field.name).null_count
        if empty and not field.nullable:
            yield f"{field.name} is empty in {empty} rows"
