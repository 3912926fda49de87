"""Flumine's simulated middleware, visiting only runners that changed; matching stays flumine's own."""

from collections import defaultdict
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

from betfairlightweight.resources import RunnerBook
from flumine import BaseStrategy, config
from flumine.markets.market import Market
from flumine.markets.middleware import LIVE_STATUS, RunnerAnalytics, SimulatedMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flumine.order.order import BaseOrder

Ladder = list[dict[str, float]]


class LeanAnalytics(RunnerAnalytics):  # type: ignore[misc]  # flumine ships no types
    """What was traded on a runner since the last update, compared level by level only where the ladder changed."""

    def __init__(self, runner: RunnerBook) -> None:
        self.runner = runner
        self.traded: dict[float, float] = {}
        self.volume = runner.ex.traded_volume

    def __call__(self, runner: RunnerBook) -> bool:
        """Take the runner's book.

        Args:
            runner: As it is now.

        Returns:
            Whether it traded.
        """
        volume, before = runner.ex.traded_volume, self.volume
        self.runner = runner
        if volume is before or volume == before:
            if self.traded:
                self.traded = {}
            return False
        self.traded = _traded(before, volume)
        self.volume = volume
        return bool(self.traded)


def _traded(before: Ladder, now: Ladder) -> dict[float, float]:
    """Tell what was traded between two ladders, by price; what was taken back does not count."""
    traded: dict[float, float] = {}
    if len(before) == len(now):
        # Levels that did not change are the same objects, which are passed over without a look at them.
        for old, new in compress(zip(before, now, strict=True), map(is_not, before, now)):
            price = new["price"]
            if price != old["price"]:
                break
            more = float(new["size"]) - float(old["size"])
            if more > 0:
                traded[price] = round(more, 2)
        else:
            return traded
    traded = {}
    sizes = {level["price"]: level["size"] for level in before}
    for level in now:
        price, size = level["price"], level["size"]
        size_before = sizes.get(price)
        if size_before is None:
            traded[price] = size
        elif size != size_before:
            more = float(size) - float(size_before)
            if more > 0:
                traded[price] = round(more, 2)
    return traded


Analytics = dict[tuple[int, float], LeanAnalytics]

Removal = tuple[int, float, float | None]


class LeanMiddleware(SimulatedMiddleware):  # type: ignore[misc]
    """Counts on a runner's book being the same object for as long as the runner does not change."""

    def __init__(self) -> None:
        super().__init__()
        self._market: Market | None = None
        self._runners: list[RunnerBook] = []
        # What is kept of each runner, in the book's order.
        self._analytics: list[LeanAnalytics | None] = []
        self._trading: list[LeanAnalytics] = []
        self._version: tuple[str, int] | None = None

    def __call__(self, market: Market) -> None:
        """Update what was traded on each runner, then match the market's orders against it.

        Args:
            market: With its new book.
        """
        analytics: Analytics = self.markets[market.market_id]
        removals: list[Removal] = []
        for runner, found in self._changed(market, analytics):
            if runner.status == "ACTIVE":
                if found is None:
                    analytics[runner.selection_id, runner.handicap] = LeanAnalytics(runner)
                    # The next tick finds it by visiting every runner.
                    self._market = None
                elif runner.ex.traded_volume is found.volume and not found.traded:
                    found.runner = runner
                elif found(runner):
                    self._trading.append(found)
            elif runner.status == "REMOVED":
                removals += self._new_removals(runner)
        for removal in removals:
            if removal[2]:
                self._process_runner_removal(market, *removal)
        market.context["simulated"] = analytics
        if market.blotter.active:
            self._process_simulated_orders(market, analytics)

    def _changed(self, market: Market, analytics: Analytics) -> "Iterable[tuple[RunnerBook, LeanAnalytics | None]]":
        """Give the runners that changed since the last tick, and what is kept of each."""
        runners, before = market.market_book.runners, self._runners
        for trading in self._trading:
            # A runner that did not change did not trade; one that is no longer active keeps its last trade.
            if trading.runner in runners:
                trading.traded = {}
        known = market is self._market and len(runners) == len(before)
        self._market, self._runners, self._trading = market, runners, []
        if known:
            return compress(zip(runners, self._analytics, strict=True), map(is_not, runners, before))
        self._analytics = [analytics.get((runner.selection_id, runner.handicap)) for runner in runners]
        return zip(runners, self._analytics, strict=True)

    def _new_removals(self, runner: RunnerBook) -> "list[Removal]":
        removal = runner.selection_id, runner.handicap, runner.adjustment_factor
        if removal in self._runner_removals:
            return []
        self._runner_removals.append(removal)
        return [removal]

    def remove_market(self, market: Market) -> None:
        """Forget a closed market."""
        self._market = None
        super().remove_market(market)

    def _process_simulated_orders(self, market: Market, market_analytics: Analytics) -> None:
        book = market.market_book
        version = book.market_id, book.version
        is_same_version, self._version = version == self._version, version
        if (
            book.bsp_reconciled
            or not is_same_version
            or config.simulation_available_prices
            or not config.simulated_strategy_isolation
        ):
            super()._process_simulated_orders(market, market_analytics)
            return
        # Otherwise an order can only be matched by what was traded on its runner.
        traded = {key for key, runner in market_analytics.items() if runner.traded}
        if not traded:
            return
        affected: defaultdict[BaseStrategy, list[BaseOrder]] = defaultdict(list)
        for order in market.blotter.live_orders:
            if (order.selection_id, order.handicap) in traded and order.status in LIVE_STATUS and order.simulated:
                affected[order.trade.strategy].append(order)
        for orders in affected.values():
            # What one order takes is not there for the strategy's next; strategies do not take from one another.
            left = {key: (market_analytics[key].runner, market_analytics[key].traded.copy()) for key in traded}
            for order in self._sort_orders(orders):
                order.simulated(book, left[order.selection_id, order.handicap])
