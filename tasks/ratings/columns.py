"""A CSV text of ratings to clean rows: the same for the services and for a user's own file.

What a source calls its columns is said by the source's module; where the text comes from, and which exception says
that it cannot be used, is theirs too. What one value may look like is in `ids`.
"""

import csv
import io
from typing import NamedTuple

import pandas as pd

from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id
from tasks.rejects import Reject


class Columns(NamedTuple):
    """What a source calls the columns of `RatingRows.ratings`.

    Attributes:
        market_id: Its column of market ids.
        selection_id: Its column of selection ids.
        rating: Its column of ratings.
        name: Its column of runners' names; None where it has none.
    """

    market_id: str
    selection_id: str
    rating: str
    name: str | None

    def fault(self, header: list[str]) -> str:
        """Describe in one line why a table with this header cannot be read; return an empty text where it can.

        Args:
            header: The column names of the table.

        Returns:
            The columns that are missing and those seen, or the column that is there twice.
        """
        wanted = [column for column in self if column is not None]
        missing = [column for column in wanted if column not in header]
        if missing:
            return f"columns missing: {_listed(missing)}; columns seen: {_listed(header)}"
        twice = [column for column in wanted if header.count(column) > 1]
        return f"columns that occur more than once: {_listed(twice)}" if twice else ""


class CsvTable(NamedTuple):
    """A CSV text as it stands, every value a string.

    Attributes:
        header: Column names, stripped; empty when the text is.
        rows: Of each row below the header, the number of the line it begins on (the text's first is 1) and its
            fields, as many as there are. Blank lines are no rows.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]


class RatingRows(NamedTuple):
    """The rows of one source, each either kept or rejected: `rows == len(ratings) + len(rejects)`.

    Attributes:
        ratings: market_id (str), selection_id (int64), rating (float64, decimal odds), name (str, may be empty); at
            most one row for each (market_id, selection_id), in the source's order.
        rejects: The rows left out, by line number and reason.
        rows: Rows read.
    """

    ratings: pd.DataFrame
    rejects: list[Reject]
    rows: int


class _Rating(NamedTuple):
    """A clean row: the columns of `RatingRows.ratings`, in their order."""

    market_id: str
    selection_id: int
    rating: float
    name: str


def read_csv(text: str) -> CsvTable:
    """Split a CSV text into header and rows.

    Not pandas' reader: that one fails the whole file for a row with a field too many, fills up a row with one too few,
    takes the first column for an index when every row has one more than the header, and does not know line numbers.

    Args:
        text: The whole text, with or without a byte order mark.

    Returns:
        Header and rows; both empty for a blank text.

    Raises:
        ValueError: The text is no CSV; it says at which line and why.
    """
    # Strict, or an unclosed quote takes the rest of the file into one field without a word.
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                records.append((begins, fields))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {begins}: {error}") from error
    header, rows = (records[0][1], records[1:]) if records else ([], [])
    return CsvTable([column.strip() for column in header], rows)


def clean_rows(table: CsvTable, columns: Columns) -> RatingRows:
    """Restore the ids and read the numbers of every row; reject bad rows, and all but the first of the same runner.

    Args:
        table: The rows as read.
        columns: Which of its columns hold what; `columns.fault(table.header)` is empty.

    Returns:
        What was kept and what was not. The reasons are "wrong number of fields", "not a market id", "not a selection
        id", "not a rating", "duplicate" (the same rating again) and "duplicate with another rating".
    """
    places = [None if column is None else table.header.index(column) for column in columns]
    kept: dict[tuple[str, int], tuple[int, _Rating]] = {}
    rejects: list[Reject] = []
    for line, fields in table.rows:
        # A stray comma moves what follows it into the neighbouring column, where it may well look valid.
        if len(fields) != len(table.header):
            detail = f"{len(fields)}, the header has {len(table.header)}"
            rejects.append(Reject(f"row {line}", "wrong number of fields", detail))
            continue
        clean = _clean(line, *("" if place is None else fields[place] for place in places))
        if isinstance(clean, Reject):
            rejects.append(clean)
            continue
        first_line, first = kept.setdefault((clean.market_id, clean.selection_id), (line, clean))
        if first is not clean:
            rejects.append(_duplicate(line, clean, first_line, first))
    ratings = pd.DataFrame([rating for _, rating in kept.values()], columns=list(_Rating._fields)).astype(
        # Without rows there are no values to tell the types from.
        {"market_id": "str", "selection_id": "int64", "rating": "float64", "name": "str"}
    )
    return RatingRows(ratings, rejects, rows=len(table.rows))


def _clean(line: int, market_id: str, selection_id: str, rating: str, name: str) -> _Rating | Reject:
    """Apply the rules of `ids` to one row; the first that is broken names the reject."""
    reason = "not a market id"
    try:
        restored = restore_market_id(market_id)
        reason = "not a selection id"
        selection = parse_selection_id(selection_id)
        reason = "not a rating"
        return _Rating(restored, selection, parse_rating(rating), name.strip())
    except ValueError as error:
        return Reject(f"row {line}", reason, str(error))


def _duplicate(line: int, again: _Rating, first_line: int, first: _Rating) -> Reject:
    """Reject a row of a runner that an earlier row has rated."""
    runner = f"market {first.market_id}, selection {first.selection_id}"
    if again.rating == first.rating:
        return Reject(f"row {line}", "duplicate", f"{runner}: as row {first_line}")
    detail = f"{runner}: {again.rating} left out, {first.rating} of row {first_line} kept"
    return Reject(f"row {line}", "duplicate with another rating", detail)


def _listed(names: list[str]) -> str:
    """Quote and join names for one line; a file that is something else altogether can have a header of any length."""
    most = 600  # room for all that a ratings service sends
    line = ", ".join(map(repr, names)) or "none"
    return line if len(line) <= most else f"{line[:most]}…"
