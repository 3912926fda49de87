"""What a source of ratings gave, as a whole."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from tasks.ratings.clean import RatingRows
from tasks.rejects import Reject


class Whole(NamedTuple):
    """All rows of a source, kept or rejected."""

    ratings: pd.DataFrame
    rejects: list[Reject]
    rows: int


NONE = pa.schema(
    {"market_id": pa.string(), "selection_id": pa.int64(), "rating": pa.float64(), "name": pa.string()}
).empty_table()


def whole(blocks: Iterable[RatingRows]) -> Whole:
    """Join the blocks of a source."""
    read = list(blocks)
    assert all(block.ratings.num_rows or block.rejects for block in read)
    ratings = pa.concat_tables([NONE, *(block.ratings for block in read)]).to_pandas()
    rejects = [reject for block in read for reject in block.rejects]
    return Whole(ratings, rejects, len(ratings) + len(rejects))
