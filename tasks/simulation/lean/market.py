"""Flumine's market, which also records when orders may have changed, and computes `seconds_to_start` directly."""

from typing import TYPE_CHECKING, Any

from flumine import config
from flumine.execution.transaction import Transaction
from flumine.markets.blotter import Blotter
from flumine.markets.market import Market

from tasks.simulation.lean.book import MarketBook
from tasks.simulation.refusals import NotedMarket

if TYPE_CHECKING:
    from flumine.order.order import BaseOrder


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

    def unfinished(self) -> "list[BaseOrder]":
        """Return the orders that may still change: the live ones, and those that flumine revived.

        A package that is executed late makes an order live again that was complete, and flumine matches it again, but
        does not put it back among its live orders.
        """
        return [*self.live_orders, *(order for order in self if not order.complete)]

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:
        """Note on each order how its runner ended, which a definition says, so that no prices are read for it."""
        super().process_closed_market(market, _Standings(market_book))


class _Standings:
    """What flumine reads of a closed market's book."""

    def __init__(self, market_book: MarketBook) -> None:
        self.runners = market_book.source[1]
        self.market_definition = market_book.market_definition
        self.number_of_winners = market_book.number_of_winners
