"""Strategies that tell when they wake, so that the books before are passed over."""

import math
from random import Random
from typing import Any

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from hostile_ape import Ape

_NAPS = (0.0, 0.0, 0.0, 0.05, 0.2, 1.0, 5.0, 30.0, math.inf)


class Sleeper(Ape):
    """An ape that sleeps for a while after each look, and tells for how long."""

    # A reaction to orders would need every book.
    process_orders = BaseStrategy.process_orders

    def __init__(self, seed: int = 0, **flumine: Any) -> None:
        """Make a sleeper.

        Args:
            seed: Decides what it does where it sees the same.
            flumine: Flumine's own arguments.
        """
        super().__init__(seed, boldness=0.6, **flumine)
        self._from: dict[str, float] = {}

    def start(self, flumine: Any) -> None:
        """React to nothing."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:  # noqa: ARG002 - flumine's signature
        """Look when awake."""
        return market.seconds_to_start <= self._from.setdefault(market.market_id, self._first(market))

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Do what an ape does, and sleep."""
        visit = self._visits[market.market_id]
        visit.ticks += 1
        if visit.ticks % 5 == 0:
            visit.books = [*visit.books[-8:], market_book]
        self._from[market.market_id] = market.seconds_to_start - self._throw(market, visit.ticks).choice(_NAPS)
        super().process_market_book(market, market_book)

    def wakes_at(self, market: Market, market_book: MarketBook) -> float:  # noqa: ARG002 - as a strategy's
        """Tell when the nap is over."""
        return self._from[market.market_id]

    def _first(self, market: Market) -> float:
        return Random(f"{self.seed} {market.market_id}").choice((math.inf, 300.0, 60.0, 5.0, 0.0))  # noqa: S311 - not for secrets
