"""A market's state with volumes summed from trades, as betfairlightweight's listener sums them.

Official Pro files have no market volume, and a runner's volume is that of the last update only. Outside a window
betfairlightweight does not refresh its sums, so a volume can be outdated; here too.
"""

from collections.abc import Iterable
from typing import Any

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
        # In the runners' order: betfairlightweight's `serialised`.
        self._traded: list[list[Level]] = []

    def update(self, change: dict[str, Any], publish_time: int, active: bool) -> None:
        """Apply a message."""
        if active and not self.active:
            self._traded = [runner.traded.levels for runner in self._runners]
        super().update(change, publish_time, active)

    def _take(self, change: dict[str, Any]) -> Iterable[Runner]:
        if "tv" in change and not self._sums_market:
            self._fixed["total_matched"] = change["tv"]
        changed: dict[int, Runner] = {}
        is_traded = False
        for entry in change.get("rc", ()):
            runner = self._by_key.get((entry["id"], entry.get("hc", 0)))
            # A runner's first entry sets its volume and does not count as a trade.
            is_known = runner is not None
            runner = runner or self._add(entry)
            changed[runner.at] = runner
            takes = runner.takes
            for field, value in entry.items():
                if field in takes and not (field == "tv" and is_known and self._sums_runners):
                    takes[field](value)
            if "trd" in entry:
                if self.active or not is_known or not entry["trd"]:
                    self._traded[runner.at] = runner.traded.levels
                if is_known:
                    is_traded = True
                    if self._sums_runners:
                        takes["tv"](_sum(self._traded[runner.at]))
        if is_traded and self._sums_market:
            self._fixed["total_matched"] = _sum(level for levels in self._traded for level in levels)
        return changed.values()

    def _add(self, named: dict[str, Any]) -> Runner:
        self._traded.append([])
        return super()._add(named)


def _sum(levels: Iterable[Level]) -> float:
    return round(sum(level["size"] for level in levels), 2)
