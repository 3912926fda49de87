"""Strategies that look across the markets of a session, or keep something from one to the next."""

from random import Random
from typing import Any

from betfairlightweight.resources import MarketBook
from flumine.markets.market import Market
from flumine.order.order import OrderStatus
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from hostile_ape import Ape
from hostile_bets import Bets, KeepsAllBooks
from hostile_sight import checksum, sight


class ApeAcross(Ape):
    """An ape that looks at another market too, and acts there instead, now and then."""

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Do something here, or elsewhere."""
        others = [other for other in market.flumine.markets if other is not market and other.market_book.runners]
        # At one a tick, in turn: at all, the real archive as one session would take hours.
        turn = self._visits[market.market_id].ticks
        looked_at = [others[turn % len(others)]] if others else []
        seen = [sight(self, other, other.market_book) for other in looked_at]
        dice = self._throw(market, checksum(seen, [(kind, len(found)) for kind, found in market.event.items()]))
        if others and dice.random() < 0.4:
            other = dice.choice(others)
            self._change_elsewhere(dice, market, other)
            super().process_market_book(other, other.market_book)
        else:
            super().process_market_book(market, market_book)

    def _change_elsewhere(self, dice: Random, market: Market, other: Market) -> None:
        """Change an order of another market by way of this one, which flumine allows."""
        orders = [
            order
            for order in other.blotter.strategy_orders(self, [OrderStatus.EXECUTABLE])
            if order.order_type.ORDER_TYPE == LimitOrder.ORDER_TYPE and order.size_remaining
        ]
        if orders and dice.random() < 0.5:
            market.cancel_order(dice.choice(orders))


class Pairs(Bets):
    """Bets once in a WIN market, when a PLACE market of its event is open beside it."""

    def __init__(self, **flumine: Any) -> None:
        """Have bet nowhere yet."""
        super().__init__(**flumine)
        self.done: set[str] = set()

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Look into the event."""
        if market.market_type != "WIN" or market_book.status != "OPEN" or market.market_id in self.done:
            return False
        return any(place.status == "OPEN" for place in market.event["PLACE"])

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet."""
        self.done.add(market.market_id)
        super().process_market_book(market, market_book)


class Bankroll(Bets):
    """Stakes a share of what it has, which it counts up whenever a market closes."""

    def __init__(self, bank: float = 100, **flumine: Any) -> None:
        """Take how many pounds it has at first."""
        super().__init__(**flumine)
        self.bank = bank

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:  # noqa: ARG002 - flumine's signature
        """Count the money."""
        self.bank += sum(order.profit for order in market.blotter)

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Stake by it."""
        return round(2.0 + abs(self.bank) % 37 / 4, 2)


class StopsAfter(Bets):
    """Bets once a market until it has bet so often in its life, then never again."""

    def __init__(self, most: int = 3, **flumine: Any) -> None:
        """Take how often."""
        super().__init__(**flumine)
        self.most, self.bet_on = most, list[str]()

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Count."""
        return market_book.status == "OPEN" and len(self.bet_on) < self.most and market.market_id not in self.bet_on

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet."""
        self.bet_on.append(market.market_id)
        super().process_market_book(market, market_book)


class Elsewhere(Bets):
    """Bets in the market that began before the one whose tick it is, and cancels there by way of this one."""

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:  # noqa: ARG002 - its base's
        """Bet there."""
        markets = list(market.flumine.markets)
        other = markets[markets.index(market) - 1]
        waiting = other.blotter.strategy_orders(self, [OrderStatus.EXECUTABLE])
        if self.ticks % 3 == 0 and waiting:
            (market if self.ticks % 2 else other).cancel_order(waiting[0])
        elif other.market_book.runners:
            super().process_market_book(other, other.market_book)

    def price(self, market: Market, runner: Any) -> float:  # noqa: ARG002 - of all bets
        """Wait at the best price."""
        offers = runner.ex.available_to_back
        return float(offers[0]["price"]) if offers else 1000.0


class BlotterWatcher(Elsewhere):
    """Bets only as long as few of its orders live, as the blotters of all markets say: of no market's own tick."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Ask all blotters."""
        live = sum(len(list(other.blotter.live_orders)) for other in market.flumine.markets)
        return super().check_market_book(market, market_book) and live < 3


class KeepsBooks(KeepsAllBooks):
    """Stakes by the books that it kept, of whichever market they were."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Look into them."""
        some = self.books[:: max(len(self.books) // 20, 1)]
        seen = checksum([(book.market_id, book.publish_time_epoch, book.status, book.version) for book in some])
        return round(2.0 + seen % 500 / 100, 2)


class Unsubscribes(Bets):
    """Gives up every second market's stream after a while, and takes it back later."""

    def __init__(self, **flumine: Any) -> None:
        """Have given up nothing yet."""
        super().__init__(**flumine)
        self.closes = 0

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Give up, or take back."""
        here = [stream for stream in self.streams if stream.stream_id == market_book.streaming_unique_id]
        if self.ticks % 40 == 20:
            for stream in here:
                self.unsubscribe_from_stream(stream)
        elif self.ticks % 40 == 39:
            self.streams = list(market.flumine.streams)
        return super().check_market_book(market, market_book)

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:  # noqa: ARG002 - flumine's signature
        """Be told of closes only where it is subscribed."""
        self.closes += 1

    def stake(self, market: Market) -> float:
        """Stake by all that it sees of its streams."""
        return 2.0 + self.closes + len(self.streams) / 10 + len(market.flumine.streams)


class BetsLate(Bets):
    """Places in a market that closed already."""

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:
        """Bet where it is too late, and in whatever is open."""
        for other in market.flumine.markets:
            if other.market_book.runners and other.market_book.runners[0].status == "ACTIVE":
                runner = other.market_book.runners[0]
                trade = Trade(other.market_id, runner.selection_id, runner.handicap, self)
                other.place_order(trade.create_order("BACK", LimitOrder(1.01, 2.0)))
        if market_book.runners:
            super().process_market_book(market, market_book)
