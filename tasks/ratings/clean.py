"""Parse the rows of a CSV text of ratings and keep the valid ones, for the services and for a user's own file.

`ids` parses single values, and `plain` the plain ones of many rows at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tasks.ratings.csv_table import Rows
from tasks.ratings.first_rows import FirstRows, Rated
from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id
from tasks.ratings.market_numbers import market_id_of, market_ids_of, number_of
from tasks.ratings.plain import Parsed, parse_plain, strip
from tasks.rejects import Reject


class RatingRows(NamedTuple):
    """Some rows of one source, at least one, each either kept or rejected.

    Attributes:
        ratings: market_id, selection_id, rating (decimal odds) and name (may be empty), in the source's order; no
            runner of a market twice, nor one of an earlier block.
        rejects: The rejected rows, by line number and reason, in the source's order.
    """

    ratings: pa.Table
    rejects: list[Reject]


def clean_rows(blocks: Iterable[Rows]) -> Iterator[RatingRows]:
    """Parse every row; reject invalid rows, and all but the first of each runner.

    Args:
        blocks: All rows of a text, with the columns of `Columns`, in its order.

    Yields:
        Rows and rejects, whose reasons are "wrong number of fields", "not a market id", "not a selection id", "not a
        rating", "duplicate" (with the same rating) and "duplicate with another rating".

    Raises:
        ValueError: The text is not CSV.
    """
    first_rows = FirstRows()
    for block in blocks:
        yield _clean_block(block, first_rows)


def _clean_block(block: Rows, first_rows: FirstRows) -> RatingRows:
    *values, names = block.columns
    parsed, invalid = _parse(block.lines, values)
    valid = Rated(block.lines, parsed.markets, parsed.selections, parsed.ratings).where(parsed.is_valid)
    first_lines, first_ratings = first_rows.find(valid)
    is_first = valid.lines == first_lines
    duplicates = _duplicates(valid.where(~is_first), first_lines[~is_first], first_ratings[~is_first])
    kept = valid.where(is_first)
    ratings = pa.table(
        {
            "market_id": market_ids_of(kept.markets),
            "selection_id": kept.selections,
            "rating": kept.ratings,
            "name": strip(names.take(pa.array(np.flatnonzero(parsed.is_valid)[is_first]))),
        }
    )
    ragged = {line: _ragged(line, fields, block.width) for line, fields in block.ragged}
    by_line = {**ragged, **invalid, **duplicates}
    return RatingRows(ratings, [by_line[line] for line in sorted(by_line)])


def _ragged(line: int, fields: int, width: int) -> Reject:
    # A stray comma shifts the values after it by one column, where they may look valid.
    return Reject(f"row {line}", "wrong number of fields", f"{fields}, the header has {width}")


def _parse(lines: NDArray[np.uint32], values: Sequence[pa.Array]) -> tuple[Parsed, dict[int, Reject]]:
    """Parse market ids, selection ids and ratings; reject the rows with an invalid one, by line."""
    parsed, rejects = parse_plain(*values), {}
    others = np.flatnonzero(~parsed.is_valid)
    texts = (column.take(pa.array(others)).to_pylist() for column in values)
    for place, line, *row in zip(others.tolist(), lines[others].tolist(), *texts, strict=True):
        clean = _parse_row(line, *row)
        if isinstance(clean, Reject):
            rejects[line] = clean
        else:
            parsed.markets[place], parsed.selections[place], parsed.ratings[place] = clean
            parsed.is_valid[place] = True
    return parsed, rejects


def _parse_row(line: int, market_id: str, selection_id: str, rating: str) -> tuple[int, int, float] | Reject:
    """Parse one row to market number, selection id and rating; the first invalid value gives the reject's reason."""
    reason = "not a market id"
    try:
        market = number_of(restore_market_id(market_id))
        reason = "not a selection id"
        selection = parse_selection_id(selection_id)
        reason = "not a rating"
        return market, selection, parse_rating(rating)
    except ValueError as error:
        return Reject(f"row {line}", reason, str(error))


def _duplicates(again: Rated, first_lines: NDArray[np.uint32], first_ratings: NDArray[np.float64]) -> dict[int, Reject]:
    """Reject rows for runners that an earlier row has rated; by line."""
    rejects = {}
    columns = (column.tolist() for column in (*again, first_lines, first_ratings))
    for line, market, selection, rating, first_line, first_rating in zip(*columns, strict=True):
        runner = f"market {market_id_of(market)}, selection {selection}"
        if rating == first_rating:
            rejects[line] = Reject(f"row {line}", "duplicate", f"{runner}: as row {first_line}")
        else:
            detail = f"{runner}: {rating} left out, {first_rating} of row {first_line} kept"
            rejects[line] = Reject(f"row {line}", "duplicate with another rating", detail)
    return rejects
