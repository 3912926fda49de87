"""Flumine's simulation of one variant in one market, fed with books that others see too.

What happens at a tick, and in which order, is flumine's own; matching, controls and execution are flumine's, called
where it calls them.
"""

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient, VenueType
from flumine.events import events
from flumine.exceptions import FlumineException
from flumine.markets.market import Market
from flumine.utils import call_middleware_error_handling, call_strategy_error_handling

from tasks.simulation.lean_middleware import LeanMiddleware
from tasks.simulation.lean_traded import TradedVolumes


class LeanSimulation(FlumineSimulation):  # type: ignore[misc]  # flumine ships no types
    """A framework that is given one book after the other."""

    def __init__(self, client: SimulatedClient, volumes: TradedVolumes) -> None:
        """Make it.

        Args:
            client: The variant's.
            volumes: Of the market, brought up to date before each book is taken.
        """
        super().__init__()
        self._volumes = volumes
        self._market: Market | None = None
        self._matching = LeanMiddleware(volumes)
        # Before the client, with which flumine would add its own.
        self.add_market_middleware(self._matching)
        self.add_client(client)

    def add_strategy(self, strategy: BaseStrategy) -> None:
        """Add the variant's strategy.

        Args:
            strategy: With its stream.
        """
        self._strategy = strategy
        self._has_process_orders = type(strategy).process_orders is not BaseStrategy.process_orders
        super().add_strategy(strategy)

    def take(self, market_book: MarketBook) -> None:
        """Take a book: execute what is due, match orders, call the strategy.

        Args:
            market_book: The next; flumine's clock stands at its publish time.
        """
        if self.handler_queue:
            self._check_pending_packages(market_book.market_id)
            self._matching.looks_at_all = True
        if market_book.status == "CLOSED":
            self._process_close_market(events.CloseMarketEvent(market_book))
            return
        market = self._market
        is_new = market is None
        if market is None:
            market = self._add_market(market_book.market_id, market_book, VenueType.BETFAIR)
            self.log_control(events.MarketEvent(market))
        elif market.closed:
            self.markets.add_market(market.market_id, market)
        market(market_book)
        market.context["simulated"] = self._matching.analytics
        if market.blotter.active or self._volumes.is_news or len(self._market_middleware) > 1:
            self._process_orders(market)
        strategy = self._strategy
        # The market's stream is all that the strategy can be subscribed to.
        if not strategy.streams:
            return
        if is_new:
            call_strategy_error_handling(strategy.process_new_market, market, market_book)
        try:
            is_wanted = strategy.check_market_book(market, market_book)
        except FlumineException:
            return  # flumine logs its own kind, and goes on
        if is_wanted:
            call_strategy_error_handling(strategy.process_market_book, market, market_book)

    def _process_orders(self, market: Market) -> None:
        """Match and complete orders, and tell the strategy of them; where nothing can have happened, tell it only."""
        is_idle = market.blotter.active and len(self._market_middleware) == 1 and self._matching.is_idle(market)
        if not is_idle:
            for middleware in self._market_middleware:
                call_middleware_error_handling(middleware, market)
        if market.blotter.active and not (is_idle and self._is_told_nothing):
            self._process_simulated_orders(market)

    @property
    def _is_told_nothing(self) -> bool:
        return not self._has_process_orders and "process_orders" not in vars(self._strategy)

    def _add_market(self, market_id: str, market_book: MarketBook, venue_type: VenueType) -> Market:
        market = super()._add_market(market_id, market_book, venue_type)
        market.__class__ = LeanMarket
        self._market = market
        return market


class LeanMarket(Market):  # type: ignore[misc]
    """A market that is asked for its time to the start on every tick, and answers without detours."""

    @property
    def seconds_to_start(self) -> float:
        """Seconds to the scheduled off; negative after it."""
        return float((self.market_book.market_definition.market_time - config.current_time).total_seconds())
