"""One runner's ladders: what is offered to back and to lay, and what was traded. Where prices come from is not here."""

from collections.abc import Mapping
from random import Random
from typing import TypeAlias

from sample.ticks import LAST, PRICES

Change: TypeAlias = dict[str, object]
"""A runner change (`rc`) of the stream."""

BACK = "atb"
"""The stream's name of the offers that can be backed."""

LAY = "atl"
"""The stream's name of the offers that can be laid."""

_TRADED = "trd"
_AWAY = {BACK: -1, LAY: 1}  # the direction in which prices get worse for whom they are offered to
_DEPTH = 12  # ticks behind the best price over which money is spread
_CANCELLED = 0.3  # chance that an offer is cancelled when it is looked at again


class Ladder:
    """A runner's ladders, by tick; it remembers what has changed since it was last asked."""

    def __init__(self, selection_id: int) -> None:
        """Starts with nothing offered and nothing traded.

        Args:
            selection_id: The runner.
        """
        self._selection_id = selection_id
        self._sizes: dict[str, dict[int, float]] = {BACK: {}, LAY: {}, _TRADED: {}}
        self._changed: dict[str, dict[int, float]] = {BACK: {}, LAY: {}, _TRADED: {}}
        self._last_tick = 0

    def quote(self, side: str, best: int, stake: float, rng: Random) -> None:
        """Moves one side so that a tick is its best, and looks at one offer behind it again.

        Args:
            side: `BACK` or `LAY`.
            best: The tick. The caller keeps that of backing below that of laying.
            stake: Usual size of an offer, GBP.
            rng: Decides sizes and the offer behind.
        """
        away = _AWAY[side]
        offers = self._sizes[side]
        for tick in [tick for tick in offers if (tick - best) * away < 0]:
            self._set(side, tick, 0)
        if best not in offers:
            self._set(side, best, stake * (0.4 + 1.2 * rng.random()))
        behind = best + away * rng.randint(1, _DEPTH)
        if 0 <= behind <= LAST:
            cancelled = behind in offers and rng.random() < _CANCELLED
            self._set(side, behind, 0 if cancelled else stake * (0.4 + 1.2 * rng.random()))

    def match(self, side: str, stake: float) -> None:
        """Matches a bet at the best price of a side, for as much as is offered there.

        Args:
            side: `BACK` or `LAY`.
            stake: Its size, GBP.
        """
        offers = self._sizes[side]
        if not offers:
            return
        tick = max(offers) if side == BACK else min(offers)
        matched = min(offers[tick], stake)
        self._set(side, tick, offers[tick] - matched)
        # The exchange counts both the backer's and the layer's stake.
        self._set(_TRADED, tick, self._sizes[_TRADED].get(tick, 0) + 2 * matched)
        self._last_tick = tick

    def clear(self) -> None:
        """Takes all offers away."""
        for side in (BACK, LAY):
            for tick in list(self._sizes[side]):
                self._set(side, tick, 0)

    def settle(self) -> None:
        """Takes the traded sizes away, as the exchange does just before it closes a market."""
        for tick in list(self._sizes[_TRADED]):
            self._set(_TRADED, tick, 0)

    def changes(self) -> list[Change]:
        """What has changed since last asked, as the stream's runner changes: one for each kind of ladder."""
        changed, self._changed = self._changed, {BACK: {}, LAY: {}, _TRADED: {}}
        return self._runner_changes(changed)

    def image(self) -> list[Change]:
        """All there is, in the same form."""
        return self._runner_changes(self._sizes)

    def _set(self, ladder: str, tick: int, size: float) -> None:
        size = round(size, 2)
        if size > 0:
            self._sizes[ladder][tick] = size
        else:
            self._sizes[ladder].pop(tick, None)
        self._changed[ladder][tick] = size

    def _runner_changes(self, ladders: Mapping[str, Mapping[int, float]]) -> list[Change]:
        found: list[Change] = []
        for ladder, sizes in ladders.items():
            if not sizes:
                continue
            change: Change = {ladder: [[PRICES[tick], _plain(size)] for tick, size in sizes.items()]}
            if ladder == _TRADED:
                change["ltp"] = float(PRICES[self._last_tick])
                # Of the prices named here only: the exchange's `tv` of a runner is not cumulative.
                change["tv"] = round(float(sum(sizes.values())), 2)
            found.append({**change, "id": self._selection_id})
        return found


def _plain(size: float) -> float:
    # The stream writes whole sizes without a fraction.
    return int(size) if size == int(size) else size
