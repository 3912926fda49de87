"""Where a chunk's folded windows lie in the lake, and making those that are missing.

How a market is folded is in `fold.py`, what a window is in `window.py`.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import LakeError
from tasks.lake.datasets import MARKETS, WINDOWS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake, LakeFile, file_path
from tasks.simulation.fold import fold
from tasks.simulation.window import Window

VERSION = 1


class WindowsFile(NamedTuple):
    """A chunk's file of `windows`.

    Attributes:
        lake: The lake.
        window: As a person writes it.
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
    def partition(self) -> dict[str, object]:
        """Where it lies."""
        # Windows cannot have a folder whose name ends in dots.
        return {"window": self.window.replace("..", "_"), "archive": self.archive, "chunk": self.chunk}

    @property
    def fingerprint(self) -> str:
        """What decides its content."""
        return fingerprint(
            "windows", version=VERSION, upstream=self.upstream, window=self.window, schema=WINDOWS.layout
        )

    def fresh(self) -> LakeFile | None:
        """Find it in the lake, if it need not be made again."""
        return self.lake.fresh(WINDOWS, self.partition, self.fingerprint)

    def make(self) -> LakeFile:
        """Make it from the chunk's messages.

        Returns:
            The file.

        Raises:
            LakeError: The chunk's messages are missing or damaged.
        """
        window = Window.parse(self.window)
        path = file_path(MARKETS, {"archive": self.archive, "chunk": self.chunk})
        with (
            self.lake.open_parquet(MARKETS, path) as parquet,
            self.lake.writer(WINDOWS, self.partition, self.fingerprint) as writer,
        ):
            for market_id, group in row_groups(parquet).items():
                rows = parquet.read_row_group(group, columns=["publish_time", "message"])
                messages = zip(
                    rows["publish_time"].to_pylist(), rows["message"].cast(pa.binary()).to_pylist(), strict=True
                )
                writer.write(as_table(market_id, fold(messages, window)))
        return writer.file


def as_table(market_id: str, messages: Iterable[tuple[int, bytes]]) -> pa.Table:
    """Make a market's rows of `markets` or `windows`.

    Args:
        market_id: The market.
        messages: Publish time and JSON of each.

    Returns:
        The rows.
    """
    folded = list(messages)
    return pa.table(
        [
            pa.array([market_id] * len(folded), pa.string()),
            pa.array([publish_time for publish_time, _ in folded], pa.int64()),
            pa.array([message for _, message in folded], pa.string()),
        ],
        WINDOWS.schema,
    )


def row_groups(parquet: pq.ParquetFile) -> dict[str, int]:
    """Find each market's row group.

    Args:
        parquet: A file of `markets` or `windows`.

    Returns:
        Market ids and numbers of row groups, in the file's order.

    Raises:
        LakeError: A row group is of more than one market.
    """
    return dict(_row_groups(parquet))


def _row_groups(parquet: pq.ParquetFile) -> Iterator[tuple[str, int]]:
    for number in range(parquet.metadata.num_row_groups):
        statistics = parquet.metadata.row_group(number).column(0).statistics
        if statistics.min != statistics.max:
            raise LakeError(f"a row group holds {statistics.min} and {statistics.max}; extract the archive again")
        yield statistics.min, number
