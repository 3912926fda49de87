"""Split the blocks of a CSV text that are so plain that Arrow and Python split them into the same rows."""

import csv
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

BYTE_ORDER_MARK = "\ufeff".encode()


class PlainRows(NamedTuple):
    """Rows, of which each is a line.

    Attributes:
        rows: Their number.
        columns: Their values, as strings.
    """

    rows: int
    columns: list[pa.Array]


def split_plain(block: bytes, width: int, places: Sequence[int | None]) -> PlainRows | None:
    """Split a block, unless it has a quote, a blank line, a row with a field more or less, or anything else unusual.

    Args:
        block: Whole lines, not empty.
        width: Number of columns.
        places: The wanted columns, from 0; None is a column of empty strings.
    """
    lines = _count_plain_lines(block)
    if not lines or width == 1:  # where a line of blanks would be a row
        return None
    names = [str(place) for place in range(width)]
    wanted = [str(place) for place in places if place is not None]
    try:
        table = read_csv(
            pa.BufferReader(block),
            ReadOptions(use_threads=False, block_size=len(block), column_names=names),
            ParseOptions(quote_char=False, escape_char=False),
            ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:  # a row of another width
        return None
    if table.num_rows != lines:  # a blank line, which is skipped
        return None
    blank = pa.repeat(pa.scalar(""), lines)
    return PlainRows(lines, [blank if place is None else table.column(str(place)).combine_chunks() for place in places])


def _count_plain_lines(block: bytes) -> int:
    """Count the lines; 0 if there is a quote, a line's end that is not every program's, or perhaps a field too long."""
    # In the midst of a text, a byte order mark belongs to its field; Arrow drops it.
    if b'"' in block or block.count(b"\r") != block.count(b"\r\n") or block.startswith(BYTE_ORDER_MARK):
        return 0
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    lengths = np.diff(ends, prepend=-1, append=len(block) - 1)
    return len(ends) + (not block.endswith(b"\n")) if lengths.max() <= csv.field_size_limit() else 0
