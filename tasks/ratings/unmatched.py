"""Ratings that match no market of a run, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.lake.datasets import RATINGS, REJECTS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake
from tasks.ratings.days import FETCHED_AT, Identified, left_out_name, markets_of, opened_day
from tasks.ratings.market_numbers import market_id_of, number_of, numbers_of
from tasks.rejects import Reject, as_table

_VERSION = 1
_RATINGS = "ratings"

# The most rejects that are held at a time: a file may rate every market there ever was.
_GROUP = 16_384


def write_unmatched(  # noqa: PLR0913, PLR0917 - whose ratings, and the three things that they may match
    lake: Lake,
    source: Identified,
    days: Sequence[str],
    archives: Iterable[str],
    markets: pd.DataFrame,
    others: Mapping[str, str],
) -> int:
    """Write why ratings match no market of a run, unless the lake has it.

    Args:
        lake: The lake.
        source: Whose ratings they are.
        days: The source's.
        archives: As for `left_out_name`.
        markets: The catalogues of the run's archives, as far as they are of the asked types.
        others: The types of the archives' other markets, by id.

    Returns:
        The number of ratings that match none.

    Raises:
        LakeError: As `opened_day`.
    """
    each = markets.drop_duplicates("market_id")
    dates = dict(zip(each["market_id"], each["market_date"], strict=True))
    key = REJECTS.at("ratings", source.name, left_out_name(archives, days))
    decided_by = _decided_by(lake, source.name, days, dates, others)
    if known := lake.fresh(key, decided_by):
        return int(known.notes[_RATINGS])
    numbers, places, ratings = _unmatched(lake, source, days, markets)
    with lake.writer(key, decided_by) as writer:
        for begin in range(0, len(numbers), _GROUP):
            group = (column[begin : begin + _GROUP].tolist() for column in (numbers, places, ratings))
            rows = ((market_id_of(number), days[place], count) for number, place, count in zip(*group, strict=True))
            writer.write(as_table(why_unmatched(rows, dates, others)))
        writer.notes[_RATINGS] = str(ratings.sum())
    return int(ratings.sum())


def why_unmatched(
    unmatched: Iterable[tuple[str, str, int]], dates: Mapping[str, date], others: Mapping[str, str]
) -> Iterator[Reject]:
    """Yield why ratings match no market of a run.

    Args:
        unmatched: Market, day that it is rated on, and number of its ratings.
        dates: The days of the markets of the run's archives, by id, as far as they are of the asked types.
        others: The types of the archives' other markets, by id.
    """
    for market_id, day, count in unmatched:
        if of_market := dates.get(market_id):
            yield Reject(
                market_id, "rated on another day", f"in the ratings of {day}, and the market is of {of_market}"
            )
        elif other := others.get(market_id):
            yield Reject(market_id, "rated, but of another market type", f"{other}, {count} runners")
        else:
            yield Reject(market_id, "rated, but in no archive of the run", f"{count} runners")


def _unmatched(
    lake: Lake, source: Identified, days: Sequence[str], markets: pd.DataFrame
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Count the ratings that match no market; by market and day: the market's number, the day's place, the count."""
    parts = [(np.array([], np.uint32), np.array([], np.int64), np.array([], np.int64))]
    for place, day in enumerate(days):
        with opened_day(lake, source, day) as reader:
            pieces = [numbers_of(piece["market_id"]) for piece in reader.pieces(["market_id"])]
        numbers, counts = np.unique(np.concatenate([parts[0][0], *pieces]), return_counts=True)
        is_left = ~np.isin(numbers, [number_of(market_id) for market_id in markets_of(day, markets)])
        parts.append((numbers[is_left], np.full(is_left.sum(), place), counts[is_left]))
    numbers, places, counts = map(np.concatenate, zip(*parts, strict=True))
    order = np.lexsort((places, numbers))
    return numbers[order], places[order], counts[order]


def _decided_by(
    lake: Lake, name: str, days: Iterable[str], dates: Mapping[str, date], others: Mapping[str, str]
) -> str:
    files = [lake.find(RATINGS.at(name, day)) for day in days]
    return fingerprint(
        "unmatched ratings",
        version=_VERSION,
        ratings=[(file.fingerprint, file.bytes, file.notes.get(FETCHED_AT)) for file in files if file],
        markets={market_id: str(day) for market_id, day in dates.items()},
        others=dict(others),
        schema=REJECTS.layout,
    )
