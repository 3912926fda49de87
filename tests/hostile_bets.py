"""What the small hostile strategies share: one bet on every so many ticks of an open market."""

from typing import Any

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade


class Bets(BaseStrategy):  # type: ignore[misc]  # flumine ships no types
    """Backs the first runner at the best price to lay, on every seventh tick of an open market."""

    def __init__(self, **flumine: Any) -> None:
        """Take flumine's own arguments."""
        limits = {"max_order_exposure": 1000, "max_selection_exposure": 10_000, "max_live_trade_count": 1000}
        super().__init__(**{**limits, **flumine})
        self.ticks = 0

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:  # noqa: ARG002 - flumine's signature
        """Count ticks."""
        self.ticks += 1
        return self.ticks % 7 == 1 and market_book.status == "OPEN"

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet."""
        runner = market_book.runners[self.choose(market_book)]
        if runner.status == "ACTIVE":
            trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
            market.place_order(trade.create_order("BACK", LimitOrder(self.price(market, runner), self.stake(market))))

    def choose(self, market_book: MarketBook) -> int:  # noqa: ARG002 - of all bets
        """Give the place of the runner to bet on."""
        return 0

    def price(self, market: Market, runner: Any) -> float:  # noqa: ARG002 - of all bets
        """Give the price to bet at."""
        offers = runner.ex.available_to_lay
        return float(offers[0]["price"]) if offers else 1000.0

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Give the stake, in pounds."""
        return 2.0


class KeepsAllBooks(Bets):
    """Keeps every book that it is shown."""

    def __init__(self, **flumine: Any) -> None:
        """Keep nothing yet."""
        super().__init__(**flumine)
        self.books: list[MarketBook] = []

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Keep the book."""
        self.books.append(market_book)
        return super().check_market_book(market, market_book)
