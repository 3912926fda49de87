"""Parse the values of many rows at once, where they are spelled as nearly all are, to what `ids` parses them to."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_MARKET_ID = r"\A(?:1\.[0-9]{1,9}|[0-9]{9})\z"
_SELECTION_ID = r"\A[0-9]{1,18}(?:\.0*)?\z"
# No number beyond the range of a float64. Within it, Arrow rounds to the nearest, as Python does.
_RATING = r"\A[0-9]{1,20}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?\z"


class Parsed(NamedTuple):
    """The values of some rows, in arrays that can be written to.

    Attributes:
        markets: By `market_numbers`.
        selections: Selection ids.
        ratings: Decimal odds.
        is_valid: Whether a row was parsed; without, its values mean nothing.
    """

    markets: NDArray[np.uint32]
    selections: NDArray[np.int64]
    ratings: NDArray[np.float64]
    is_valid: NDArray[np.bool_]


def parse_plain(market_ids: pa.Array, selection_ids: pa.Array, ratings: pa.Array) -> Parsed:
    """Parse the rows whose values are all valid and plainly spelled; a row that is not may be valid too."""
    texts = [pc.ascii_trim(column, " ") for column in (market_ids, selection_ids, ratings)]
    patterns = (_MARKET_ID, _SELECTION_ID, _RATING)
    of_market, of_selection, of_rating = map(pc.match_substring_regex, texts, patterns)
    is_plain = pc.and_(pc.and_(of_market, of_selection), of_rating)
    if not pc.all(is_plain, min_count=0).as_py():
        texts = [pc.if_else(is_plain, column, pa.scalar(None, pa.string())) for column in texts]
    markets, selections, rated = (
        _cast(_nine_digits(texts[0]), pa.uint32()),
        _cast(_without_decimals(texts[1]), pa.int64()),
        _cast(texts[2], pa.float64()),
    )
    return Parsed(markets, selections, rated, np.asarray(is_plain) & (selections > 0) & (rated > 1))


def strip(texts: pa.Array) -> pa.Array:
    """Strip blanks, as Python does, which knows more of them than Arrow."""
    if not pc.any(pc.match_substring_regex(texts, r"\A[^!-~]|[^!-~]\z"), min_count=0).as_py():
        return texts
    return pa.array([text.strip() for text in texts.to_pylist()], pa.string())


def _nine_digits(market_ids: pa.Array) -> pa.Array:
    behind = pc.ascii_rpad(pc.utf8_slice_codeunits(market_ids, 2), 9, "0")
    return pc.if_else(pc.starts_with(market_ids, "1."), behind, market_ids)


def _without_decimals(selection_ids: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring(selection_ids, "."), min_count=0).as_py():
        return selection_ids
    return pc.replace_substring_regex(selection_ids, r"\.0*\z", "")


def _cast(texts: pa.Array, to: pa.DataType) -> NDArray[Any]:
    return np.array(texts.cast(to).fill_null(0))
