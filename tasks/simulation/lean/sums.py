"""A market's state with volumes summed from trades, as betfairlightweight's listener sums them.

Official Pro files have no market volume, and a runner's volume is that of the last update only. Outside a window
betfairlightweight does not refresh its sums, so a volume can be outdated; here too.
"""

from collections.abc import Iterable
from typing import Any

from tasks.simulation.lean.book import Change
from tasks.simulation.lean.cache import MarketCache, Runner
from tasks.simulation.lean.ladder import Level


class SummedCache(MarketCache):
    """A market's state with summed volumes."""

    def __init__(self, market_id: str, *, calculate_market_tv: bool, cumulative_runner_tv: bool) -> None:
        """Start empty.

        Args:
            calculate_market_tv: Whether to sum the market's volume.
            cumulative_runner_tv: Whether to sum its runners' volumes.
        """
        super().__init__(market_id)
        self._sums_market, self._sums_runners = calculate_market_tv, cumulative_runner_tv
        self._was_active = False
        # In the runners' order: betfairlightweight's `serialised`.
        self._traded: list[list[Level]] = []

    def _take(self, change: Change, active: bool) -> None:
        self._enter(active)
        if "tv" in change and not self._sums_market:
            self._total_matched = change["tv"]
        is_traded = False
        for entry in change.get("rc", ()):
            runner = self._by_key.get((entry["id"], entry.get("hc", 0)))
            # A runner's first entry sets its volume and does not count as a trade.
            is_known = runner is not None
            runner = runner or self._add(entry)
            self._changed[runner] = None
            takes = runner.takes
            for field, value in entry.items():
                if field in takes and not (field == "tv" and is_known and self._sums_runners):
                    takes[field](value)
            if "trd" in entry:
                if active or not is_known or not entry["trd"]:
                    self._traded[runner.at] = runner.traded.levels
                if is_known:
                    is_traded = True
                    if self._sums_runners:
                        takes["tv"](_sum(self._traded[runner.at]))
        if is_traded and self._sums_market:
            self._total_matched = _sum(level for levels in self._traded for level in levels)

    def _enter(self, active: bool) -> None:
        """Refresh the sums where a message is the first within the window."""
        if active and not self._was_active:
            self._traded = [runner.traded.levels for runner in self._runners]
        self._was_active = active

    def _add(self, named: dict[str, Any]) -> Runner:
        self._traded.append([])
        return super()._add(named)


def _sum(levels: Iterable[Level]) -> float:
    return round(sum(level["size"] for level in levels), 2)
