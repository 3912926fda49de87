"""Strategies to be named by import path, `hostile_strategies:Ape`: whatever one can depend on, some does.

The ape does everything, at random. Each of the others does one thing of which the orders of another variant, another
market or another replay could be the cause.
"""

import datetime as dt
from typing import Any

from betfairlightweight.resources import MarketBook
from flumine.markets.market import Market
from flumine.order.order import OrderStatus
from hostile_ape import Ape
from hostile_bets import Bets, KeepsAllBooks
from hostile_leavers import (
    Cached,
    ChangesConfig,
    ClassCounter,
    ClassList,
    DefaultArgument,
    Environment,
    FlumineFunction,
    FunctionAttribute,
    GlobalDice,
    HashOrder,
    LoggerLevel,
    ModuleSet,
    NumpyDice,
    OwnTypes,
    Tidy,
)

__all__ = [
    "Ape",
    "AsksClients",
    "AsksClock",
    "AsksFramework",
    "AssignsInStart",
    "Bets",
    "Cached",
    "CancelsByHand",
    "ChangesConfig",
    "ClassCounter",
    "ClassList",
    "CompletesByHand",
    "Counts",
    "CountsMarkets",
    "DefaultArgument",
    "Environment",
    "Exposed",
    "FirstHere",
    "FlumineFunction",
    "FunctionAttribute",
    "GlobalDice",
    "HashOrder",
    "LoggerLevel",
    "LooksBack",
    "MarksClient",
    "MarksFramework",
    "MarksMarket",
    "ModuleSet",
    "NamesItself",
    "NumpyDice",
    "OwnTypes",
    "ReadsTraded",
    "RemembersCloses",
    "Thrifty",
    "Tidy",
]


class MarksMarket(Bets):
    """Bets in a market whose context has no mark yet."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Look for the mark."""
        return super().check_market_book(market, market_book) and not market.context.get("marked")

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Mark it, and bet."""
        market.context["marked"] = True
        super().process_market_book(market, market_book)


class MarksFramework(Bets):
    """Bets once in a framework, on which it leaves an attribute."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Look for the attribute."""
        return super().check_market_book(market, market_book) and not hasattr(market.flumine, "marked")

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Leave it, and bet."""
        market.flumine.marked = True
        super().process_market_book(market, market_book)


class MarksClient(Bets):
    """Stakes a pound more each time, which its client's attribute counts."""

    def stake(self, market: Market) -> float:
        """Count on the client."""
        client = market.flumine.clients.get_default()
        client.bets = getattr(client, "bets", 0) + 1
        return 1.0 + float(client.bets)


class FirstHere(Bets):
    """Bets in a market that has no orders, as its blotter tells."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Ask the blotter."""
        return super().check_market_book(market, market_book) and not list(market.blotter)


class Counts(Bets):
    """Stakes by the orders that are there and that live, of anybody."""

    def stake(self, market: Market) -> float:
        """Count them."""
        client = market.flumine.clients.get_default()
        return (
            2.0
            + len(market.blotter)
            + len(list(market.blotter.live_orders))
            + len(market.blotter.client_orders(client))
        )


class Exposed(Bets):
    """Stakes by what it may lose in the market."""

    def stake(self, market: Market) -> float:
        """Ask the blotter."""
        exposure: float = market.blotter.market_exposure(self, market.market_book)
        return round(2.0 + round(abs(exposure), 2) % 5, 2)


class LooksBack(KeepsAllBooks):
    """Bets at the price that the first book it was shown has, and looks into that book only then."""

    def price(self, market: Market, runner: Any) -> float:
        """Look into an old book."""
        old = self.books[len(self.books) // 2]
        here = [other for other in old.runners if other.selection_id == runner.selection_id]
        return super().price(market, here[0] if here else runner)


class ReadsTraded(Bets):
    """Stakes by what flumine's middleware says was traded since the last tick."""

    def stake(self, market: Market) -> float:
        """Add up what was traded."""
        traded: list[float] = [sum(analytics.traded.values()) for analytics in market.context["simulated"].values()]
        return round(2.0 + sum(traded) % 7, 2)


class Thrifty(Bets):
    """Bets while the client of the framework has made few transactions."""

    def __init__(self, most: int = 3, **flumine: Any) -> None:
        """Take how many."""
        super().__init__(**flumine)
        self.most = most

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Ask the client."""
        client = market.flumine.clients.get_default()
        return super().check_market_book(market, market_book) and bool(client.transaction_count_total < self.most)


class AsksClients(Bets):
    """Stakes by the clients that there are."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Count them."""
        return 2.0 + len(self.clients)


class AsksFramework(Bets):
    """Stakes by the markets, the strategies and the streams that its framework has."""

    def stake(self, market: Market) -> float:
        """Count them."""
        framework = market.flumine
        return float(len(framework.markets) + 2 * len(framework.strategies) + 4 * len(framework.streams))


class AsksClock(Bets):
    """Stakes by the second of the clock, which is the market's."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Ask the clock."""
        return 2.0 + dt.datetime.now(dt.UTC).second % 10


class CountsMarkets(Bets):
    """Bets on the first so many markets of its own life, then never again."""

    def __init__(self, most: int = 2, **flumine: Any) -> None:
        """Take how many."""
        super().__init__(**flumine)
        self.most, self.bet_on = most, set[str]()

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet, if it may."""
        if len(self.bet_on | {market.market_id}) <= self.most:
            self.bet_on.add(market.market_id)
            super().process_market_book(market, market_book)


class RemembersCloses(Bets):
    """Stakes more in a market that was closed before, by what it won there."""

    def __init__(self, **flumine: Any) -> None:
        """Remember nothing yet."""
        super().__init__(**flumine)
        self.won = 0.0

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:  # noqa: ARG002 - flumine's signature
        """Count the money."""
        self.won += sum(order.profit for order in market.blotter)

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Stake by it."""
        return round(2.0 + abs(self.won) % 9, 2)


class AssignsInStart(Bets):
    """Takes half of each of its orders back, by a method that it assigns in `start`."""

    def start(self, flumine: Any) -> None:  # noqa: ARG002 - flumine's signature
        """Assign it."""
        self.process_orders = self._take_back

    def _take_back(self, market: Market, orders: list[Any]) -> None:
        for order in orders:
            if order.bet_id and not order.complete and not order.size_cancelled and market.status == "OPEN":
                market.cancel_order(order, size_reduction=1.0)


class CompletesByHand(Bets):
    """Gives an order up after two seconds, by its own hand, and bets again once none is live."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:  # noqa: ARG002 - flumine's signature
        """Look at every open book."""
        return bool(market_book.status == "OPEN")

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Give up, or bet."""
        for order in market.blotter:
            if order.status == OrderStatus.EXECUTABLE and order.elapsed_seconds > 2:
                self.give_up(order)
        if not market.blotter.has_live_orders:
            super().process_market_book(market, market_book)

    def price(self, market: Market, runner: Any) -> float:  # noqa: ARG002 - of all bets
        """Ask for what nobody offers."""
        return 1000.0

    def give_up(self, order: Any) -> None:
        """Complete it."""
        order.execution_complete()


class CancelsByHand(CompletesByHand):
    """The same, taking back what is left of the simulated order."""

    def give_up(self, order: Any) -> None:
        """Cancel it."""
        order.simulated.size_cancelled += order.size_remaining


class NamesItself(Bets):
    """Stakes by the name that it gave itself."""

    def __init__(self, **flumine: Any) -> None:
        """Take a name."""
        super().__init__(**{**flumine, "name": "mine"})

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Count its letters."""
        return float(len(self.name) + len(str(self)) + int(self.name_hash, 16) % 5)
