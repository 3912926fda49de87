"""Split a CSV text into rows, a block at a time, as Python's strict reader does.

Not by pandas, which fails the whole file for a row with a field too many, pads a row with one too few, takes the first
column as an index if every row has one field more than the header, and gives no line numbers. Arrow, which is faster,
splits the blocks in which it can do nothing else than Python; see `plain_csv`.
"""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.ratings.plain_csv import BYTE_ORDER_MARK, split_plain

# Of a block that Python splits.
_MOST_ROWS = 16_384


class Rows(NamedTuple):
    """Some rows, at least one, unparsed: every value is a string.

    Attributes:
        lines: The line, from 1, that each row begins on which has a field for each column.
        columns: Their values, a column each.
        ragged: The other rows: the line that each begins on, and its number of fields.
        width: The number of columns of the text.
    """

    lines: NDArray[np.uint32]
    columns: list[pa.Array]
    ragged: list[tuple[int, int]]
    width: int


class CsvTable:
    """A CSV text, read once.

    Attributes:
        header: Column names, stripped; empty if the text is.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Read the header.

        Args:
            pieces: The text, UTF-8, with or without a byte order mark; a block of rows is about as long as a piece.

        Raises:
            ValueError: The text is not CSV before its header ends; the message gives the line and the reason.
        """
        self._blocks = _whole_lines(pieces)
        self._left = deque(_lines_of(next(self._blocks, b"").removeprefix(BYTE_ORDER_MARK)))
        self._plain_lines = 0
        # Strict, or an unclosed quote silently swallows the rest of the file.
        self._reader = csv.reader(self._lines(), strict=True)
        self._records = self._read_records()
        _, header = next(self._records, (0, []))
        self.header = [column.strip() for column in header]

    def blocks(self, columns: Sequence[str | None]) -> Iterator[Rows]:
        """Yield the rows below the header, in order, without blank lines.

        Args:
            columns: Names in the header; None is a column of empty strings.

        Raises:
            ValueError: The text is not CSV; the message gives the line and the reason.
        """
        places, width = [None if column is None else self.header.index(column) for column in columns], len(self.header)
        while block := "".join(self._left).encode() or next(self._blocks, b""):
            self._left.clear()
            if plain := split_plain(block, width, places):
                begins = self._line
                self._plain_lines += plain.rows
                lines = np.arange(begins, begins + plain.rows, dtype=np.uint32)
                yield Rows(lines, plain.columns, [], width)
            else:
                self._left.extend(_lines_of(block))
                yield from self._strict_blocks(places)

    def check(self) -> None:
        """Read to the end.

        Raises:
            ValueError: The text is not CSV; the message gives the line and the reason.
        """
        for _ in self.blocks([]):
            pass

    def _strict_blocks(self, places: Sequence[int | None]) -> Iterator[Rows]:
        """Yield the rows of the lines that are left, and of those that the last row needs beyond them."""
        width = len(self.header)
        while self._left:
            lines: list[int] = []
            values: list[str] = []  # row after row in one list, as the garbage collector visits each list
            ragged: list[tuple[int, int]] = []
            for line, fields in islice(self._records, _MOST_ROWS):
                if len(fields) == width:
                    lines.append(line)
                    values += fields
                else:
                    ragged.append((line, len(fields)))
                if not self._left:
                    break
            if lines or ragged:
                columns = [
                    pa.array([""] * len(lines) if place is None else values[place::width], pa.string())
                    for place in places
                ]
                yield Rows(np.array(lines, np.uint32), columns, ragged, width)

    def _read_records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line that each record begins on, and its fields."""
        while True:
            begins = self._line
            try:
                fields = next(self._reader, None)
            except csv.Error as error:
                raise ValueError(f"line {begins}: {error}") from error
            if fields is None:
                return
            if len(fields) > 1 or "".join(fields).strip():
                yield begins, fields

    @property
    def _line(self) -> int:
        """The next line, from 1."""
        return self._plain_lines + self._reader.line_num + 1

    def _lines(self) -> Iterator[str]:
        while True:
            while self._left:
                yield self._left.popleft()
            if not (block := next(self._blocks, b"")):
                return
            self._left.extend(_lines_of(block))


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a text anew, at the ends of lines."""
    begun: list[bytes] = []
    for piece in pieces:
        # At the end of a piece, a carriage return may be half of a line's end.
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r", 0, -1)) + 1
        if end:
            yield b"".join([*begun, piece[:end]])
            begun = []
        begun.append(piece[end:])
    if last := b"".join(begun):
        yield last


def _lines_of(block: bytes) -> Iterable[str]:
    # Where a text cannot be decoded, it is not believed; see `CheckedBytes`.
    return io.StringIO(block.decode(errors="replace"), newline="")
