"""Market ids as numbers, in four bytes each: the nine digits behind their `1.`."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_PREFIX = "1."
_DIGITS = 9


def number_of(market_id: str) -> int:
    """Convert a market id in the exchange's form."""
    return int(market_id.removeprefix(_PREFIX))


def market_id_of(number: int) -> str:
    """Convert a number to the market id in the exchange's form."""
    return f"{_PREFIX}{number:0{_DIGITS}}"


def numbers_of(market_ids: pa.ChunkedArray) -> NDArray[np.uint32]:
    """Convert market ids, as `number_of` does."""
    return np.asarray(pc.utf8_slice_codeunits(market_ids, len(_PREFIX)).cast(pa.uint32()))


def market_ids_of(numbers: NDArray[np.uint32]) -> pa.Array:
    """Convert numbers, as `market_id_of` does."""
    digits = pc.ascii_lpad(pa.array(numbers).cast(pa.string()), _DIGITS, "0")
    return pc.binary_join_element_wise(_PREFIX, digits, "")
