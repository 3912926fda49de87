"""Parse a CSV text of ratings into clean rows, for the services and for a user's own file.

The source's module supplies the text and the names of its columns, and turns errors into its own exceptions; `ids`
parses single values.
"""

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id
from tasks.rejects import Reject

if TYPE_CHECKING:
    import pandas as pd


class Columns(NamedTuple):
    """A source's names for the columns of `RatingRows.ratings`.

    Attributes:
        market_id: Column of market ids.
        selection_id: Column of selection ids.
        rating: Column of ratings.
        name: Column of runners' names; None if the source has none.
    """

    market_id: str
    selection_id: str
    rating: str
    name: str | None

    def fault(self, header: list[str]) -> str:
        """Return in one line why a table with this header cannot be read; empty if it can."""
        wanted = [column for column in self if column is not None]
        missing = [column for column in wanted if column not in header]
        if missing:
            return f"columns missing: {_listed(missing)}; columns seen: {_listed(header)}"
        twice = [column for column in wanted if header.count(column) > 1]
        return f"columns that occur more than once: {_listed(twice)}" if twice else ""


class CsvTable(NamedTuple):
    """A CSV text, unparsed: every value is a string.

    Attributes:
        header: Column names, stripped; empty if the text is.
        rows: For each row below the header, the line it begins on (from 1) and its fields, however many. Blank lines
            are skipped.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]


class RatingRows(NamedTuple):
    """The rows of one source, each either kept or rejected: `rows == len(ratings) + len(rejects)`.

    Attributes:
        ratings: market_id (str), selection_id (int64), rating (float64, decimal odds), name (str, may be empty); at
            most one row for each (market_id, selection_id), in the source's order.
        rejects: The rejected rows, by line number and reason.
        rows: Number of rows read.
    """

    ratings: "pd.DataFrame"
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

    Not pandas' reader, which fails the whole file for a row with a field too many, pads a row with one too few, takes
    the first column as an index if every row has one field more than the header, and gives no line numbers.

    Args:
        text: The whole text, with or without a byte order mark.

    Returns:
        Header and rows; both empty for a blank text.

    Raises:
        ValueError: The text is not CSV; the message gives the line and the reason.
    """
    # Strict, or an unclosed quote silently swallows the rest of the file.
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
    """Parse every row; reject invalid rows, and all but the first of each runner.

    Args:
        table: The rows as read.
        columns: Its columns; `columns.fault(table.header)` must be empty.

    Returns:
        Rows and rejects, whose reasons are "wrong number of fields", "not a market id", "not a selection id", "not a
        rating", "duplicate" (with the same rating) and "duplicate with another rating".
    """
    places = [None if column is None else table.header.index(column) for column in columns]
    kept: dict[tuple[str, int], tuple[int, _Rating]] = {}
    rejects: list[Reject] = []
    for line, fields in table.rows:
        # A stray comma shifts the values after it by one column, where they may look valid.
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
    # Imported late: each command's parameters name the sources of ratings, and few read any.
    import pandas as pd  # noqa: PLC0415

    ratings = pd.DataFrame([rating for _, rating in kept.values()], columns=list(_Rating._fields)).astype(
        # Without rows pandas cannot infer the types.
        {"market_id": "str", "selection_id": "int64", "rating": "float64", "name": "str"}
    )
    return RatingRows(ratings, rejects, rows=len(table.rows))


def _clean(line: int, market_id: str, selection_id: str, rating: str, name: str) -> _Rating | Reject:
    """Parse one row; the first invalid value gives the reject's reason."""
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
    """Reject a row for a runner that an earlier row has rated."""
    runner = f"market {first.market_id}, selection {first.selection_id}"
    if again.rating == first.rating:
        return Reject(f"row {line}", "duplicate", f"{runner}: as row {first_line}")
    detail = f"{runner}: {again.rating} left out, {first.rating} of row {first_line} kept"
    return Reject(f"row {line}", "duplicate with another rating", detail)


def _listed(names: list[str]) -> str:
    """Quote and join names, truncated, because a wrong file can have a header of any length."""
    most = 600  # enough for all columns of a ratings service
    line = ", ".join(map(repr, names)) or "none"
    return line if len(line) <= most else f"{line[:most]}…"
