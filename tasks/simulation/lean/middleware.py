"""Flumine's simulated middleware with precomputed traded volumes; matching stays flumine's own."""

from betfairlightweight.resources import RunnerBook
from flumine import config
from flumine.markets.middleware import LIVE_STATUS, RunnerAnalytics, SimulatedMiddleware

from tasks.simulation.lean.book import Key
from tasks.simulation.lean.market import LeanMarket
from tasks.simulation.lean.traded import RunnerTraded, TradedVolumes


class LeanAnalytics(RunnerAnalytics):  # type: ignore[misc]  # flumine ships no types
    """Traded volumes of a runner, as one variant's strategy may read them; the variant may modify its copy."""

    def __init__(self, known: RunnerTraded) -> None:
        self._known = known
        self._source = known.traded
        self._traded = known.traded.copy()

    @property
    def runner(self) -> RunnerBook:
        """The runner's book when it was last active."""
        return self._known.runner

    @property
    def traded(self) -> dict[float, float]:
        """Sizes by price, traded since the last update."""
        if self._source is not self._known.traded:
            self._source = self._known.traded
            self._traded = self._source.copy()
        return self._traded


Analytics = dict[Key, LeanAnalytics]


class LeanMiddleware(SimulatedMiddleware):  # type: ignore[misc]
    """Matches one variant's orders, and looks at them only where something may have happened.

    Attributes:
        markets: By market, the traded volumes of each runner that was ever active; flumine gives them to strategies as
            `market.context["simulated"]`.
        volumes: Of the current tick's market.
        touches: How often orders may have changed other than by matching: a transaction, or its execution. One count
            for all markets, since an order can be cancelled through another market than its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.volumes: TradedVolumes
        self.touches = 0

    def is_idle(self, market: LeanMarket) -> bool:
        """Return whether nothing can happen to any order at this tick: it is quiet, and no runner traded."""
        return not self.volumes.trading and not self.volumes.is_news and self._is_quiet(market)

    def awaits_trades(self, market: LeanMarket) -> bool:
        """Return whether nothing but a trade at a later tick can happen to any order, until a new definition."""
        return self._is_quiet(market) and not self.volumes.is_outliving

    def _is_quiet(self, market: LeanMarket) -> bool:
        """Return whether only trades can match orders: none was touched, and the market's version is the same."""
        book = market.market_book
        return (
            market.matched_at == (book.version, self.touches)
            and not book.bsp_reconciled
            and not config.simulation_available_prices
        )

    def __call__(self, market: LeanMarket) -> None:
        """Void and reduce orders for a removal, then match the market's orders."""
        volumes, analytics = self.volumes, self.markets[market.market_id]
        if len(analytics) != len(volumes.runners):
            for key, known in volumes.runners.items():
                if key not in analytics:
                    analytics[key] = LeanAnalytics(known)
        for removal in volumes.removals:
            if removal[2]:
                self._process_runner_removal(market, *removal)
        if market.blotter.active:
            self._process_simulated_orders(market, analytics)

    def _process_simulated_orders(self, market: LeanMarket, market_analytics: Analytics) -> None:
        is_quiet = self._is_quiet(market)
        book, trading = market.market_book, self.volumes.trading
        market.matched_at = book.version, self.touches
        if not is_quiet or not config.simulated_strategy_isolation:
            super()._process_simulated_orders(market, market_analytics)
            return
        for orders in market.blotter._strategy_orders.values():  # noqa: SLF001 - flumine iterates complete ones too
            affected = [
                order
                for order in orders
                if (order.selection_id, order.handicap) in trading and order.status in LIVE_STATUS and order.simulated
            ]
            if affected:
                # Volume that one order takes is not available to the strategy's next order. The runner is for available
                # prices only, and to read it makes the book whole.
                left = {key: (None, market_analytics[key].traded.copy()) for key in trading}
                for order in self._sort_orders(affected):
                    order.simulated(book, left[order.selection_id, order.handicap])
