"""Bets on races, the grouping of markets into races, and the seed for draws of races."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from tasks.lake.fingerprint import digest


class Races(NamedTuple):
    """Bets on some races, settled.

    Attributes:
        orders: Rows of `orders`, as `worth.value` returns them.
        settled: Rows of `results/markets`: the same orders, settled.
        markets: Rows of the catalogue: all selected markets, with or without bets.
        rejected: By variant, the ids of the markets left out of its figures.
    """

    orders: pd.DataFrame
    settled: pd.DataFrame
    markets: pd.DataFrame
    rejected: Mapping[str, frozenset[str]] = MappingProxyType({})

    def among(self, market_ids: frozenset[str]) -> "Races":
        """Select some markets."""
        orders, settled, markets = (
            rows[rows["market_id"].isin(market_ids)] for rows in (self.orders, self.settled, self.markets)
        )
        return Races(orders, settled, markets, self.rejected)

    def of(self, strategy: str) -> "Races":
        """Select one variant's bets, and the markets in its figures."""
        return Races(
            self.orders[self.orders["strategy_name"] == strategy],
            self.settled[self.settled["strategy"] == strategy],
            self.markets[~self.markets["market_id"].isin(self.rejected.get(strategy, ()))],
        )

    def alike(self, strategies: Sequence[str]) -> list[list[str]]:
        """Group variants by the markets in their figures; each group in the order given."""
        groups: dict[frozenset[str], list[str]] = {}
        selected = frozenset(self.markets["market_id"])
        for strategy in strategies:
            groups.setdefault(self.rejected.get(strategy, frozenset()) & selected, []).append(strategy)
        return list(groups.values())

    def replayed(self, strategies: Sequence[str]) -> pd.DataFrame:
        """Return the markets in the figures of any of these variants."""
        of_none = frozenset.intersection(*(self.rejected.get(strategy, frozenset()) for strategy in strategies))
        return self.markets[~self.markets["market_id"].isin(of_none)]


class _Market(NamedTuple):
    market_id: str
    market_type: str
    announced: frozenset[datetime]
    first: datetime


def number_races(markets: pd.DataFrame) -> pd.Series:
    """Number the races that markets belong to: an event's markets that ever announced the same off are one race.

    WIN and PLACE of a race share one finish and are not two observations; nor are the markets of a football match. Two
    markets of one type are one race only if their first announced off is the same: in a meeting that runs late, a race
    is postponed to the time at which the next one was due.

    Args:
        markets: Rows of the catalogue.

    Returns:
        The race's number by market id, from 0 in order of event and first announced off.
    """
    races: dict[str, int] = {}
    count = 0
    columns = ["market_id", "market_type", "announced"]
    for _, rows in markets.groupby("event_id", sort=True):
        listed = [
            _Market(market_id, market_type or "", frozenset(announced), announced[0])
            for market_id, market_type, announced in rows[columns].itertuples(index=False)
        ]
        for number, race in enumerate(_races_of_event(listed), start=count):
            races.update(dict.fromkeys((market.market_id for market in race), number))
            count = number + 1
    return pd.Series(races, dtype="int64").reindex(markets["market_id"])


def _races_of_event(markets: list[_Market]) -> list[list[_Market]]:
    by_first: dict[datetime, list[_Market]] = {}
    for market in sorted(markets, key=lambda one: (one.first, one.market_id)):
        by_first.setdefault(market.first, []).append(market)
    races: list[list[_Market]] = []
    for group in by_first.values():
        same = next((race for race in races if _are_one(race, group)), None)
        if same is None:
            races.append(group)
        else:
            same.extend(group)
    return races


def _are_one(race: list[_Market], group: list[_Market]) -> bool:
    announced = frozenset[datetime]().union(*(market.announced for market in race))
    if not any(market.announced & announced for market in group):
        return False
    return not {market.market_type for market in race} & {market.market_type for market in group}


def seed_of(markets: pd.DataFrame, races: pd.Series) -> int:
    """Return the seed for draws of races; it depends on the races only.

    So the same bets have the same intervals, whatever other variants a run has and whichever other markets of the
    races were selected.

    Args:
        markets: Rows of the catalogue.
        races: From `number_races`.
    """
    first = pd.Series([pd.Timestamp(announced[0]).timestamp() for announced in markets["announced"]])
    off = first.groupby(races.to_numpy()).transform("min")
    begun = {f"{event_id} {seconds:.3f}" for event_id, seconds in zip(markets["event_id"], off, strict=True)}
    return int(digest(race.encode() for race in sorted(begun))[:8], 16)
