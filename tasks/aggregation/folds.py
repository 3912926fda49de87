"""How `--split` divides markets: the days, and which races are on either side of one."""

from datetime import date
from typing import NamedTuple

import pandas as pd

from tasks.errors import InputError

MONTH = "month"
"""The split by calendar month: each month but the first judges what was best in all months before it."""


class Fold(NamedTuple):
    """A day, and the markets on either side of it.

    Attributes:
        begins: The first day of the second part.
        first: Market ids of the races on which variants are ranked.
        second: Market ids of the races on which the first of them is judged.
    """

    begins: date
    first: frozenset[str]
    second: frozenset[str]


def check_split(text: str) -> str:
    """Check that a split is a day or `month`.

    Args:
        text: What was given.

    Returns:
        The same.

    Raises:
        InputError: It is neither.
    """
    if text != MONTH:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise InputError(f"split {text!r}: give the second part's first day, YYYY-MM-DD, or {MONTH}") from None
    return text


def split_markets(markets: pd.DataFrame, split: str) -> list[Fold]:
    """Divide markets by day; all markets of an event stay together, on the side of the event's first day.

    So WIN and PLACE of a race, which one finish decides, are never on two sides.

    Args:
        markets: Rows of the catalogue.
        split: The second part's first day, ISO 8601, or `month`.

    Returns:
        One fold for a day; for `month` one for each month but the first, its first part being all months before.

    Raises:
        InputError: A part would be empty.
    """
    day = markets.groupby("event_id")["market_date"].transform("min")
    month = day.map(lambda one: one.replace(day=1))
    if split == MONTH:
        begins = sorted(set(month))[1:]
        parts = [(first, month == first) for first in begins]
    else:
        parts = [(date.fromisoformat(split), day >= date.fromisoformat(split))]
    ids = markets["market_id"]
    folds = [Fold(begin, frozenset(ids[day < begin]), frozenset(ids[after])) for begin, after in parts]
    if not folds or not all(one.first and one.second for one in folds):
        raise InputError(
            f"split {split}: nothing would be on one side of it; the races are of {day.min()} to {day.max()}: "
            f"give a day between, or, with archives of several months, {MONTH}"
        )
    return folds
