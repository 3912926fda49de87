"""Flumine's simulated middleware, told what was traded in place of working it out; matching stays flumine's own."""

from betfairlightweight.resources import RunnerBook
from flumine import config
from flumine.markets.market import Market
from flumine.markets.middleware import LIVE_STATUS, RunnerAnalytics, SimulatedMiddleware

from tasks.simulation.lean_traded import Key, RunnerTraded, TradedVolumes


class LeanAnalytics(RunnerAnalytics):  # type: ignore[misc]  # flumine ships no types
    """What was traded on a runner, as one variant's strategy may read it; what it does to the sizes is its own."""

    def __init__(self, known: RunnerTraded) -> None:
        self._known = known
        self._source = known.traded
        self._traded = known.traded.copy()

    @property
    def runner(self) -> RunnerBook:
        """The runner's book, as it was when it was last active."""
        return self._known.runner

    @property
    def traded(self) -> dict[float, float]:
        """Sizes by price that were traded since the last update."""
        if self._source is not self._known.traded:
            self._source = self._known.traded
            self._traded = self._source.copy()
        return self._traded


Analytics = dict[Key, LeanAnalytics]


class LeanMiddleware(SimulatedMiddleware):  # type: ignore[misc]
    """Matches one variant's orders in one market, and looks at them only where something may have happened.

    Attributes:
        analytics: Of each runner that was ever active; what flumine gives strategies as `market.context["simulated"]`.
        looks_at_all: Whether the next tick is matched as flumine matches each: set where orders changed by other ways
            than a transaction or matching.
    """

    def __init__(self, volumes: TradedVolumes) -> None:
        """Make it.

        Args:
            volumes: Of the market, brought up to date before each tick.
        """
        super().__init__()
        self.looks_at_all = False
        self._volumes = volumes
        self.analytics: Analytics = {}
        self._seen: tuple[int, int] | None = None

    def is_idle(self, market: Market) -> bool:
        """Tell whether nothing can happen to any order at this tick.

        Args:
            market: With its new book.

        Returns:
            True where nobody touched an order since the last tick, the market's version is what it was, and nothing was
            traded on any runner.
        """
        book, volumes = market.market_book, self._volumes
        return not (
            volumes.trading
            or volumes.is_news
            or self.looks_at_all
            or self._seen != (book.version, market._transaction_id)  # noqa: SLF001 - where flumine counts transactions
            or book.bsp_reconciled
            or config.simulation_available_prices
        )

    def __call__(self, market: Market) -> None:
        """Void and reduce what a removal concerns, then match the market's orders.

        Args:
            market: With its new book.
        """
        volumes, analytics = self._volumes, self.analytics
        if len(analytics) != len(volumes.runners):
            for key, known in volumes.runners.items():
                if key not in analytics:
                    analytics[key] = LeanAnalytics(known)
        for removal in volumes.removals:
            if removal[2]:
                self._process_runner_removal(market, *removal)
        if market.blotter.active:
            self._process_simulated_orders(market, analytics)

    def remove_market(self, market: Market) -> None:  # noqa: ARG002 - as flumine calls it
        """Forget what was traded before a market closed; one that opens again is as new."""
        self.analytics = {}

    def _process_simulated_orders(self, market: Market, market_analytics: Analytics) -> None:
        book, trading = market.market_book, self._volumes.trading
        seen = book.version, market._transaction_id  # noqa: SLF001 - as above
        is_quiet = seen == self._seen and not self.looks_at_all
        self._seen, self.looks_at_all = seen, False
        if (
            not is_quiet
            or book.bsp_reconciled
            or config.simulation_available_prices
            or not config.simulated_strategy_isolation
        ):
            super()._process_simulated_orders(market, market_analytics)
            return
        # Otherwise an order can only be matched by what was traded on its runner.
        for orders in market.blotter._strategy_orders.values():  # noqa: SLF001 - flumine walks them, the complete too
            affected = [
                order
                for order in orders
                if (order.selection_id, order.handicap) in trading and order.status in LIVE_STATUS and order.simulated
            ]
            if affected:
                # What one order takes is not there for the strategy's next.
                left = {key: (market_analytics[key].runner, market_analytics[key].traded.copy()) for key in trading}
                for order in self._sort_orders(affected):
                    order.simulated(book, left[order.selection_id, order.handicap])
