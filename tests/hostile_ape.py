"""The ape: does whatever flumine offers, at random moments, right or wrong.

Its dice are thrown by all that it has seen so far, so that a difference in anything makes it do something else from
then on.
"""

from collections import OrderedDict
from random import Random
from typing import TYPE_CHECKING, Any

from betfairlightweight.resources import MarketBook, RunnerBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from flumine.order.order import BaseOrder, OrderStatus
from flumine.order.ordertype import LimitOnCloseOrder, LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade
from flumine.utils import get_nearest_price, get_price, price_ticks_away
from hostile_sight import checksum, order_sight, runner_sight, sight

if TYPE_CHECKING:
    from collections.abc import Callable

_BOOKS = 8
_PERSISTENCES = ("LAPSE", "LAPSE", "PERSIST", "MARKET_ON_CLOSE")


class _Visit:
    """What the ape keeps of a market."""

    def __init__(self) -> None:
        self.ticks = self.seen = 0
        self.books: list[MarketBook] = []
        self.closings: list[float] = []


class Ape(BaseStrategy):  # type: ignore[misc]  # flumine ships no types
    """Places, changes, cancels and replaces orders of every kind at random."""

    def __init__(self, seed: int = 0, boldness: float = 0.3, **flumine: Any) -> None:
        """Make an ape.

        Args:
            seed: Decides what it does where it sees the same. By it, too, an ape reacts to its orders by a method that
                is assigned in `start`, by its class's, or not at all.
            boldness: The share of ticks on which it acts.
            flumine: Flumine's own arguments.
        """
        limits = {"max_order_exposure": 300, "max_selection_exposure": 900, "max_live_trade_count": 7}
        super().__init__(**{**limits, "multi_order_trades": seed % 2 == 0, **flumine})
        self.seed, self.boldness = seed, boldness
        self._visits: dict[str, _Visit] = {}

    def start(self, flumine: Any) -> None:  # noqa: ARG002 - flumine's signature
        """Take a way to react to orders."""
        if self.seed % 3 == 0:
            self.process_orders = self._react  # type: ignore[method-assign]

    def process_new_market(self, market: Market, market_book: MarketBook) -> None:
        """Bet at once, now and then."""
        self._visits[market.market_id] = _Visit()
        dice = self._dice(market, market_book)
        if dice.random() < self.boldness and market_book.status == "OPEN":
            self._place(dice, market, market_book)

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Keep some books, and seldom refuse a tick."""
        visit = self._visits[market.market_id]
        visit.ticks += 1
        if visit.ticks % 5 == 0:
            visit.books = [*visit.books[-_BOOKS:], market_book]
        return (visit.ticks + self.seed) % 11 > 0

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Do something, or not."""
        dice = self._dice(market, market_book)
        if dice.random() < self.boldness:
            acts: dict[Callable[[Random, Market, MarketBook], object], int] = {
                self._place: 30,
                self._place_at_starting_price: 3,
                self._place_on_what_was: 3,
                self._place_several: 8,
                self._place_what_is_refused: 3,
                self._change_order: 25,
                self._err: 4,
                self._mark: 4,
            }
            dice.choices(list(acts), list(acts.values()))[0](dice, market, market_book)

    def process_orders(self, market: Market, orders: list[BaseOrder]) -> None:
        """React to orders, by the class's own method."""
        if self.seed % 3 == 1:
            self._react(market, orders)

    def process_closed_market(self, market: Market, market_book: MarketBook) -> None:
        """Count the money, and try to bet on."""
        visit = self._visits.setdefault(market.market_id, _Visit())
        visit.closings.append(sum(order.profit for order in market.blotter))
        market.context["closings"] = len(visit.closings)
        if market_book.runners:
            self._place(self._throw(market, 0), market, market_book)

    # Dice.

    def _dice(self, market: Market, book: MarketBook) -> Random:
        visit = self._visits[market.market_id]
        old = visit.books[visit.ticks % len(visit.books)] if visit.books else book
        kept = [runner_sight(runner) for runner in old.runners]
        return self._throw(market, checksum(sight(self, market, book), kept, visit.closings))

    def _throw(self, market: Market, seen: int) -> Random:
        visit = self._visits[market.market_id]
        visit.seen = checksum(visit.seen, seen)
        return Random(f"{self.seed} {market.market_id} {visit.seen}")  # noqa: S311 - not for secrets

    # New orders.

    def _place(self, dice: Random, market: Market, book: MarketBook) -> None:
        runner = _runner(dice, book)
        order = self._limit_order(dice, self._trade(dice, market, runner), runner)
        version = dice.choice((None, None, None, book.version, book.version - 1))
        market.place_order(order, market_version=version, force=dice.random() < 0.05)

    def _place_at_starting_price(self, dice: Random, market: Market, book: MarketBook) -> None:
        runner = _runner(dice, book)
        side, liability = dice.choice(("BACK", "LAY")), float(dice.randrange(1, 40))
        price = price_ticks_away(_price(dice, runner, side), dice.choice((-10, 0, 10)))
        kind = LimitOnCloseOrder(liability, price) if dice.random() < 0.5 else MarketOnCloseOrder(liability)
        market.place_order(self._trade(dice, market, runner).create_order(side, kind))

    def _place_on_what_was(self, dice: Random, market: Market, book: MarketBook) -> None:
        """Bet by a book that was kept, seldom on a runner that is there no more."""
        old = dice.choice(self._visits[market.market_id].books or [book])
        there = {(runner.selection_id, runner.handicap) for runner in book.runners}
        is_there = all((runner.selection_id, runner.handicap) in there for runner in old.runners)
        self._place(dice, market, old if is_there or dice.random() < 0.1 else book)

    def _place_several(self, dice: Random, market: Market, book: MarketBook) -> None:
        """Place several orders in a transaction, some of one trade, with a change of an older one."""
        runner = _runner(dice, book)
        trade = self._trade(dice, market, runner)
        is_async = dice.random() < 0.2
        with market.transaction(
            async_place_orders=is_async, client=market.flumine.clients.get_default()
        ) as transaction:
            for _ in range(dice.randrange(2, 5)):
                transaction.place_order(self._limit_order(dice, trade, runner), dice.choice((None, None, book.version)))
                if dice.random() < 0.5:
                    runner = _runner(dice, book)
                    trade = self._trade(dice, market, runner)
                if dice.random() < 0.2:
                    transaction.execute()
            orders = market.blotter.strategy_orders(self, [OrderStatus.EXECUTABLE])
            if orders and dice.random() < 0.5:
                transaction.cancel_order(dice.choice(orders))

    def _place_what_is_refused(self, dice: Random, market: Market, book: MarketBook) -> None:
        """Place what flumine's controls refuse: too small, too large, or off the ladder."""
        runner = _runner(dice, book)
        price, size = dice.choice(((2.0, 0.45), (3.03, 5.0), (1000.0, 400.0), (2.0, 2.005)))
        market.place_order(self._trade(dice, market, runner).create_order("LAY", LimitOrder(price, size)))

    # Orders that are there.

    def _change_order(self, dice: Random, market: Market, book: MarketBook) -> None:
        orders = [
            order
            for order in market.blotter.strategy_orders(self, [OrderStatus.EXECUTABLE])
            if order.order_type.ORDER_TYPE == LimitOrder.ORDER_TYPE and order.size_remaining
        ]
        if not orders:
            return self._place(dice, market, book)
        order = dice.choice(orders)
        match dice.randrange(5):
            case 0:
                market.cancel_order(order)
            case 1:
                market.cancel_order(order, size_reduction=round(order.size_remaining * dice.uniform(0.1, 1), 2))
            case 2:
                market.update_order(order, new_persistence_type=dice.choice(_PERSISTENCES))
            case _:
                price = price_ticks_away(get_nearest_price(order.order_type.price), dice.choice((-3, -1, 1, 3)))
                market.replace_order(order, price, dice.choice((None, None, None, book.version, 1)))
        return None

    def _err(self, dice: Random, market: Market, book: MarketBook) -> None:
        """Do what flumine raises an error of its own for, which it logs before it goes on."""
        runner = _runner(dice, book)
        order = self._limit_order(dice, self._trade(dice, market, runner), runner)
        with market.transaction() as transaction:
            transaction.place_order(order)
            if dice.random() < 0.4:
                transaction.cancel_order(order)  # has no bet id yet
        for placed in market.blotter.strategy_orders(self, [OrderStatus.EXECUTABLE]):
            match dice.randrange(4):
                case 0:
                    market.replace_order(placed, getattr(placed.order_type, "price", 2.0))
                case 1:
                    market.update_order(placed, getattr(placed.order_type, "persistence_type", "LAPSE"))
                case 2:
                    market.cancel_order(placed, placed.size_remaining + 1)
                case _:
                    market.place_order(placed)

    def _mark(self, dice: Random, market: Market, book: MarketBook) -> None:
        """Leave a mark where the market, the framework and an order have room for it."""
        market.context.setdefault("marks", []).append(book.version)
        market.context["throws"] = dice.randrange(9)
        for order in market.blotter:
            order.notes["marked"] = len(order.notes)

    def _react(self, market: Market, orders: list[BaseOrder]) -> None:
        """React to orders on a tick: bet against what was matched, cancel what is old."""
        dice = self._throw(market, checksum([order_sight(order) for order in orders[-3:]]))
        if dice.random() > self.boldness:
            return
        order = dice.choice(orders)
        if order.size_matched and market.status == "OPEN":
            side = "LAY" if order.side == "BACK" else "BACK"
            price = get_nearest_price(order.average_price_matched)
            against = LimitOrder(price, max(round(order.size_matched / 2, 2), 2.0))
            market.place_order(order.trade.create_order(side, against))
        elif order.status == OrderStatus.EXECUTABLE and (order.elapsed_seconds or 0) > 2:
            market.cancel_order(order)  # an error where it is one at the starting price

    # Parts of an order.

    def _trade(self, dice: Random, market: Market, runner: RunnerBook) -> Trade:
        of_runner = market.blotter.strategy_selection_orders(self, runner.selection_id, runner.handicap)
        if of_runner and dice.random() < 0.2:
            return dice.choice(of_runner).trade
        return Trade(
            market.market_id,
            runner.selection_id,
            runner.handicap,
            self,
            notes=OrderedDict(thrown=dice.randrange(100)),
            place_reset_seconds=dice.choice((0.0, 0.0, 0.0, 5.0)),
            reset_seconds=dice.choice((0.0, 0.0, 0.0, 5.0)),
            pending_orders=dice.random() < 0.05,
        )

    def _limit_order(self, dice: Random, trade: Trade, runner: RunnerBook) -> BaseOrder:
        side = dice.choice(("BACK", "LAY"))
        price = _price(dice, runner, side)
        if dice.random() < 0.15:
            order_type = LimitOrder(
                price,
                round(dice.uniform(2, 60), 2),
                time_in_force="FILL_OR_KILL",
                min_fill_size=dice.choice((None, 1.0, 5.0, 70.0)),
            )
        elif dice.random() < 0.03:
            order_type = LimitOrder(3.33, 5.0, price_ladder_definition="FINEST")
        else:
            # A lay's liability is what a strategy may lose of it.
            most = 30 if side == "BACK" else max(2.1, min(30, 280 / price))
            order_type = LimitOrder(price, round(dice.uniform(2, most), 2), persistence_type=dice.choice(_PERSISTENCES))
        return trade.create_order(side, order_type, notes=OrderedDict(side=side))


def _runner(dice: Random, book: MarketBook) -> RunnerBook:
    """Choose a runner that can be bet on, or any in one case of a hundred."""
    active = [runner for runner in book.runners if runner.status == "ACTIVE"]
    return dice.choice(book.runners if not active or dice.random() < 0.01 else active)


def _price(dice: Random, runner: RunnerBook, side: str) -> float:
    """Choose a price: one that is taken at once, the best to wait at, or some ticks away from there."""
    to_take, to_wait = runner.ex.available_to_back, runner.ex.available_to_lay
    if side == "LAY":
        to_take, to_wait = to_wait, to_take
    offered = get_price(dice.choice((to_take, to_wait, to_wait)), dice.choice((0, 0, 0, 1)))
    ticks = dice.choice((0, 0, 0, 0, -1, 1, -2, 2))
    price: float = price_ticks_away(get_nearest_price(offered or runner.last_price_traded or 4.0), ticks)
    return price
