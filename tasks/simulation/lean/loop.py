"""Flumine's simulation of one variant in one session, with books shared between variants.

The steps of a tick and their order are flumine's; matching, controls and execution are flumine's code, called where
flumine calls it.
"""

import math

from flumine import BaseStrategy, FlumineSimulation
from flumine.clients import SimulatedClient, VenueType
from flumine.events import events
from flumine.exceptions import FlumineException
from flumine.markets.market import Market
from flumine.utils import call_middleware_error_handling, call_strategy_error_handling

from strategies import STRATEGIES
from tasks.simulation.lean.book import MarketBook
from tasks.simulation.lean.lull import AWAKE, Lull
from tasks.simulation.lean.market import LeanBlotter, LeanMarket
from tasks.simulation.lean.middleware import LeanMiddleware
from tasks.simulation.lean.traded import TradedVolumes
from tasks.simulation.refusals import Refusals


class LeanSimulation(FlumineSimulation):  # type: ignore[misc]  # flumine ships no types
    """A framework that receives one book at a time.

    Attributes:
        refusals: What its controls refused.
        can_rest: Whether there may be lulls: its strategy tells when it next acts, in a session of one market.
        lull: That of its market since the last tick; `AWAKE` without lulls.
    """

    def __init__(self, client: SimulatedClient) -> None:
        super().__init__()
        self.refusals = Refusals()
        self.lull = AWAKE
        self._matching = LeanMiddleware()
        self._analytics, self._find = self._matching.markets, self.markets.markets.get
        # Before the client, with which flumine would add its own.
        self.add_market_middleware(self._matching)
        self.add_client(client)

    def add_strategy(self, strategy: BaseStrategy) -> None:
        """Add the variant's strategy, whose streams are set."""
        self._strategy = strategy
        self._subscribed, self._subscriptions = strategy.streams, len(strategy.streams)
        # Any other may change its orders by its own hand, which flumine sees on the next tick.
        self._leaves_orders_alone = (
            type(strategy) in STRATEGIES.values() and type(strategy).process_orders is BaseStrategy.process_orders
        )
        # Of several markets, which tick comes first at the same time depends on the ticks before.
        self.can_rest = self._leaves_orders_alone and self._subscriptions == 1
        super().add_strategy(strategy)

    def take(self, market_book: MarketBook, volumes: TradedVolumes) -> None:
        """Process a book: execute what is due, match orders, call the strategy; nothing in a lull.

        Args:
            market_book: The next; flumine's clock stands at its publish time.
            volumes: Of its market, up to date.
        """
        if not self.can_rest:
            self.process(market_book, volumes)
        elif market_book.is_redefined or not self.lull.covers(market_book.change, market_book.publish_time_epoch):
            self.process(market_book, volumes)
            self.lull = self._find_lull(market_book)

    def awaits(self, market_id: str) -> bool:
        """Return whether orders are waiting to be executed in a market, at whichever tick."""
        return any(package.market_id == market_id for package in self.handler_queue)

    def touch(self) -> None:
        """Record that orders may have changed other than by matching."""
        self._matching.touches += 1

    def process(self, market_book: MarketBook, volumes: TradedVolumes) -> None:
        """Process a book, whatever lull there is; arguments as in `take`."""
        market_id = market_book.market_id
        if self.handler_queue and self.awaits(market_id):
            self._check_pending_packages(market_id)
            self.touch()
        if market_book.status == "CLOSED":
            self._process_close_market(events.CloseMarketEvent(market_book))
            return
        market = self._find(market_id)
        is_new = market is None
        if market is None or market.closed:
            market = self._open(market_book, market)
        # What flumine's call of the market does.
        if market_book.version != market.market_book.version:
            market.update_market_catalogue = True
        market.market_book = market_book
        market.context["simulated"] = self._analytics[market_id]
        if volumes.is_news or len(self._market_middleware) > 1 or self._may_change_orders(market):
            self._matching.volumes = volumes
            self._process_orders(market)
        strategy = self._strategy
        streams = strategy.streams
        # As long as the strategy has not changed its list, it is subscribed to all streams.
        if (
            streams is not self._subscribed or len(streams) != self._subscriptions or strategy.historic_stream_ids
        ) and market_book.streaming_unique_id not in strategy.stream_ids:
            return
        if is_new:
            call_strategy_error_handling(strategy.process_new_market, market, market_book)
        try:
            is_wanted = strategy.check_market_book(market, market_book)
        except FlumineException:
            return  # flumine logs these, and continues
        if is_wanted:
            call_strategy_error_handling(strategy.process_market_book, market, market_book)

    def _open(self, market_book: MarketBook, market: Market | None) -> Market:
        """Add a new market, or reopen a closed one."""
        market_id = market_book.market_id
        if market is None:
            market = self._add_market(market_id, market_book, VenueType.BETFAIR)
            self.log_control(events.MarketEvent(market))
        else:
            self.markets.add_market(market_id, market)
        return market

    def _may_change_orders(self, market: Market) -> bool:
        """Return whether a market has orders that matching or the strategy may change."""
        blotter = market.blotter
        return bool(blotter.active and (not self._leaves_orders_alone or blotter.unfinished()))

    def _find_lull(self, market_book: MarketBook) -> Lull:
        market_id = market_book.market_id
        if market_book.status == "CLOSED" or (self.handler_queue and self.awaits(market_id)):
            return AWAKE
        market = self._find(market_id)
        unfinished = market.blotter.unfinished()
        orders_wait = not unfinished or self._matching.awaits_trades(market)
        seconds = market.seconds_to_start - self._strategy.wakes_at(market, market_book)
        if not orders_wait or seconds <= 0:
            return AWAKE
        # A millisecond early, because seconds are rounded.
        until = math.inf if math.isinf(seconds) else market_book.publish_time_epoch + math.floor(seconds * 1000) - 1
        return Lull(until, frozenset((order.selection_id, order.handicap) for order in unfinished))

    def _process_orders(self, market: Market) -> None:
        """Match and complete orders, and pass them to the strategy; if nothing can have happened, only the latter."""
        is_idle = market.blotter.active and len(self._market_middleware) == 1 and self._matching.is_idle(market)
        if not is_idle:
            for middleware in self._market_middleware:
                call_middleware_error_handling(middleware, market)
        if market.blotter.active and not (is_idle and self._leaves_orders_alone):
            self._process_simulated_orders(market)

    def _add_market(self, market_id: str, market_book: MarketBook, venue_type: VenueType) -> Market:
        market = super()._add_market(market_id, market_book, venue_type)
        market.__class__ = LeanMarket
        market.blotter.__class__ = LeanBlotter
        return market
