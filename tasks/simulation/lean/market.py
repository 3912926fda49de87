"""Flumine's market, which also records when orders may have changed, and computes `seconds_to_start` directly."""

from typing import Any

from flumine import config
from flumine.execution.transaction import Transaction
from flumine.markets.blotter import Blotter
from flumine.markets.market import Market

from tasks.simulation.lean.book import MarketBook
from tasks.simulation.refusals import NotedMarket


class LeanMarket(NotedMarket):
    """A market of a `LeanSimulation`.

    Attributes:
        matched_at: The book's version and the middleware's `touches` when the market's orders were last matched.
    """

    matched_at: tuple[int, int] | None = None

    def transaction(self, *args: Any, **named: Any) -> Transaction:  # noqa: ANN401 - flumine's signature
        """Begin a transaction, which may change orders of any market."""
        self.flumine.touch()
        return super().transaction(*args, **named)

    @property
    def seconds_to_start(self) -> float:
        """Seconds to the scheduled off; negative after it."""
        return float((self.market_book.market_definition.market_time - config.current_time).total_seconds())


class LeanBlotter(Blotter):  # type: ignore[misc]  # flumine ships no types
    """The orders of a market of a `LeanSimulation`."""

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:
        """Note on each order how its runner ended, which a definition says, so that no prices are read for it."""
        super().process_closed_market(market, _Standings(market_book))


class _Standings:
    """What flumine reads of a closed market's book."""

    def __init__(self, market_book: MarketBook) -> None:
        self.runners = market_book.source[1]
        self.market_definition = market_book.market_definition
        self.number_of_winners = market_book.number_of_winners
