"""A chunk's compressed windows in the lake: find the file, or make it if it is missing."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pyarrow as pa

from tasks.errors import LakeError
from tasks.lake.dataset import Key
from tasks.lake.datasets import MARKETS, WINDOWS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.parquet import LakeFile, Reader, Writer
from tasks.lake.store import Lake
from tasks.windows.compress import compress_window
from tasks.windows.window import Window

VERSION = 2


class WindowsFile(NamedTuple):
    """A chunk's file of `windows`.

    Attributes:
        lake: The lake.
        window: As given to `Window.parse`.
        archive: The archive's name.
        chunk: The chunk's number.
        upstream: Fingerprint of the chunk's messages.
    """

    lake: Lake
    window: str
    archive: str
    chunk: int
    upstream: str

    @property
    def key(self) -> Key:
        """Its key in the lake."""
        return WINDOWS.at(self.window, self.archive, self.chunk)

    @property
    def fingerprint(self) -> str:
        """Of everything its content depends on."""
        return fingerprint(
            "windows", version=VERSION, upstream=self.upstream, window=self.window, schema=WINDOWS.layout
        )

    def fresh(self) -> LakeFile | None:
        """Return the file if the lake has it with the current fingerprint."""
        return self.lake.fresh(self.key, self.fingerprint)

    def writer(self) -> AbstractContextManager[Writer]:
        """Open it for writing, one row group per market."""
        return self.lake.writer(self.key, self.fingerprint)

    def make(self) -> LakeFile:
        """Write it from the chunk's messages.

        Raises:
            LakeError: The chunk's messages are missing or damaged.
        """
        window = Window.parse(self.window)
        with (
            self.lake.reader(MARKETS.at(self.archive, self.chunk), self.upstream) as reader,
            self.writer() as writer,
        ):
            for market_id, group in row_groups(reader).items():
                rows = reader.read_row_group(group, ["publish_time", "message"])
                raw = rows["message"].cast(pa.binary()).to_pylist()
                messages = zip(rows["publish_time"].to_pylist(), raw, strict=True)
                writer.write(as_table(market_id, compress_window(messages, window)))
        return writer.file


def as_table(market_id: str, messages: Iterable[tuple[int, bytes]]) -> pa.Table:
    """Return a market's rows of `markets` or `windows`, from publish time and JSON of each message."""
    compressed = list(messages)
    return pa.table(
        [
            pa.array([market_id] * len(compressed), pa.string()),
            pa.array([publish_time for publish_time, _ in compressed], pa.int64()),
            pa.array([message for _, message in compressed], pa.string()),
        ],
        WINDOWS.schema,
    )


def row_groups(reader: Reader) -> dict[str, int]:
    """Return the row group number of each market in a file of `markets` or `windows`, in the file's order.

    Raises:
        LakeError: A row group has more than one market.
    """
    return dict(_row_groups(reader))


def _row_groups(reader: Reader) -> Iterator[tuple[str, int]]:
    for number in range(reader.metadata.num_row_groups):
        statistics = reader.metadata.row_group(number).column(0).statistics
        if statistics.min != statistics.max:
            raise LakeError(f"a row group has both {statistics.min} and {statistics.max}; extract the archive again")
        yield statistics.min, number
