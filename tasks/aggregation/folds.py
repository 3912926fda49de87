"""Divide markets by day for `--split`."""

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MONTH = "month"
"""The split by calendar month: each month after the first tests the best variant of all months before it."""


class Fold(NamedTuple):
    """A day, and the markets on either side of it.

    Attributes:
        begins: The first day of the second part.
        first: Market ids of the races on which variants are ranked.
        second: Market ids of the races on which the best one is tested.
    """

    begins: date
    first: frozenset[str]
    second: frozenset[str]


def check_split(text: str) -> str:
    """Return the split unchanged if it is a day or `month`.

    Raises:
        InputError: It is neither.
    """
    if text != MONTH:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise InputError(f"split {text!r}: give the second part's first day, YYYY-MM-DD, or {MONTH}") from None
    return text


def split_markets(markets: "pd.DataFrame", split: str) -> list[Fold]:
    """Divide markets by day, keeping an event's markets together on the side of its first day.

    So WIN and PLACE of a race, which share one finish, are never separated.

    Args:
        markets: Rows of the catalogue.
        split: The second part's first day, ISO 8601, or `month`.

    Returns:
        One fold for a day; for `month` one per month after the first, whose first part is all months before.

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
