"""Flumine's simulation with less between a book and the strategies; what happens, and in which order, is its own.

Matching, controls and execution are flumine's, called where it calls them. What a strategy raises is raised here:
flumine would catch it, log it, and raise it again.
"""

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy, config
from flumine.clients import VenueType
from flumine.events import events
from flumine.markets.market import Market
from flumine.order.order import BaseOrder
from flumine.order.ordertype import OrderTypes

from tasks.simulation.framework import Simulation, VariantMarket
from tasks.simulation.lean_middleware import LeanMiddleware


class LeanSimulation(Simulation):
    """A `Simulation` whose ticks cost less."""

    def __init__(self) -> None:
        super().__init__()
        self.add_market_middleware(LeanMiddleware())
        self._subscribers: dict[int, list[BaseStrategy]] = {}
        self._process_orders: list[BaseStrategy] = []

    def run(self) -> None:
        """Replay all streams."""
        self._subscribers.clear()
        self._process_orders = [s for s in self.strategies if _has_own(s, "process_orders")]
        super().run()

    def _process_market_books(self, event: events.MarketBookEvent) -> None:
        for market_book in event.event:
            config.current_time = market_book.publish_time
            market_id = market_book.market_id
            if self.handler_queue:
                self._check_pending_packages(market_id)
            if market_book.status == "CLOSED":
                self._process_close_market(events.CloseMarketEvent(market_book))
                continue
            market = self.markets.markets.get(market_id)
            is_new = market is None
            if market is None:
                market = self._add_market(market_id, market_book, event.venue)
                self.log_control(events.MarketEvent(market))
            elif market.closed:
                self.markets.add_market(market_id, market)
            market(market_book)
            for middleware in self._market_middleware:
                middleware(market)
            if market.blotter.active:
                self._process_simulated_orders(market)
            self._call_strategies(market, market_book, is_new)

    def _call_strategies(self, market: Market, market_book: MarketBook, is_new: bool) -> None:
        stream_id = market_book.streaming_unique_id
        subscribers = self._subscribers.get(stream_id)
        if subscribers is None:
            subscribers = [strategy for strategy in self.strategies if stream_id in strategy.stream_ids]
            self._subscribers[stream_id] = subscribers
        for strategy in subscribers:
            if is_new:
                strategy.process_new_market(market, market_book)
            if strategy.check_market_book(market, market_book):
                strategy.process_market_book(market, market_book)

    def _process_simulated_orders(self, market: Market) -> None:
        blotter = market.blotter
        for order in blotter.live_orders:
            if order.complete:
                blotter.complete_order(order)
            elif _is_done(order):
                order.execution_complete()
                blotter.complete_order(order)
        for strategy in self._process_orders:
            if orders := blotter.strategy_orders(strategy):
                strategy.process_orders(market, orders)

    def _add_market(self, market_id: str, market_book: MarketBook, venue_type: VenueType) -> Market:
        market = super()._add_market(market_id, market_book, venue_type)
        if type(market) is VariantMarket:
            market.__class__ = LeanMarket
        return market


class LeanMarket(VariantMarket):
    """A market that is asked for its time to the start on every tick by every strategy, and answers without detours."""

    @property
    def seconds_to_start(self) -> float:
        """Seconds to the scheduled off; negative after it."""
        return float((self.market_book.market_definition.market_time - config.current_time).total_seconds())


def _has_own(strategy: BaseStrategy, method: str) -> bool:
    return getattr(type(strategy), method) is not getattr(BaseStrategy, method) or method in vars(strategy)


def _is_done(order: BaseOrder) -> bool:
    if order.order_type.ORDER_TYPE == OrderTypes.LIMIT:
        return bool(order.size_remaining == 0)
    return bool(order.current_order.status == "EXECUTION_COMPLETE")
