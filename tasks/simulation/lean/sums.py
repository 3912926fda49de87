"""A market whose volumes are summed from what was traded, as betfairlightweight's listener sums them.

Official Pro files have no volume of the market, and of a runner that of the last update alone. Outside a window
betfairlightweight does not refresh what it sums, so that a volume can be that of long ago; so it is here.
"""

from collections.abc import Iterable
from typing import Any

from tasks.simulation.lean.cache import MarketCache, Runner
from tasks.simulation.lean.ladder import Level


class SummedCache(MarketCache):
    """A market's state, its volumes summed."""

    def __init__(self, market_id: str, *, calculate_market_tv: bool, cumulative_runner_tv: bool) -> None:
        """Start empty.

        Args:
            market_id: The market.
            calculate_market_tv: Whether the market's volume is summed.
            cumulative_runner_tv: Whether those of its runners are.
        """
        super().__init__(market_id)
        self._sums_market, self._sums_runners = calculate_market_tv, cumulative_runner_tv
        # By the runners' places: what betfairlightweight calls `serialised`.
        self._traded: list[list[Level]] = []

    def update(self, change: dict[str, Any], publish_time: int, active: bool) -> None:
        """Take a message.

        Args:
            change: As its base.
            publish_time: The same.
            active: The same.
        """
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
            # A runner's first naming gives its volume as it is, and does not count as a trade.
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
