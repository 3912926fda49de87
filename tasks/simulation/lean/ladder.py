"""One side of a runner's prices, kept sorted by bisection; see `cache.py` for the sides."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from math import inf

Level = dict[str, float]
Entries = list[list[float]]


class PriceLadder:
    """Levels by price, lowest or highest first."""

    __slots__ = ("_keys", "_levels", "_shown", "_sign", "_waiting")

    def __init__(self, sign: int) -> None:
        """Start empty.

        Args:
            sign: 1 for lowest price first, -1 for highest first.
        """
        self._sign = sign
        self._waiting: Entries = []
        self.clear()

    def clear(self) -> None:
        """Remove all levels."""
        # The last key is a sentinel: with it, every index that bisection returns is valid.
        self._keys: list[float] = [inf]
        self._levels: list[Level] = []
        self._shown: list[Level] = []
        self._waiting.clear()

    @property
    def update(self) -> Callable[[Entries], None]:
        """Takes a message's entries: `[price, size]` each; a size of 0 removes the level."""
        return self._waiting.extend

    @property
    def levels(self) -> list[Level]:
        """The present ones; a reader may keep the list, which is never changed."""
        waiting = self._waiting
        if waiting:
            # The last write of a price wins.
            self._apply({entry[0]: entry for entry in waiting}.values() if len(waiting) > 1 else waiting)
            waiting.clear()
        return self._shown

    def _apply(self, entries: Iterable[list[float]]) -> None:
        keys, levels, sign = self._keys, self._levels, self._sign
        for price, size in entries:
            key = price * sign
            at = bisect_left(keys, key)
            if keys[at] == key:
                if size == 0:
                    del keys[at], levels[at]
                else:
                    levels[at] = {"price": price, "size": size}
            elif size != 0:
                keys.insert(at, key)
                levels.insert(at, {"price": price, "size": size})
        self._shown = levels.copy()


class TradedLadder(PriceLadder):
    """Levels by price that a message without any clears."""

    __slots__ = ()

    @property
    def update(self) -> Callable[[Entries], None]:
        """Takes a message's entries: `[price, size]` each; an empty list removes all levels."""
        return self._update

    def _update(self, entries: Entries) -> None:
        if entries:
            self._waiting.extend(entries)
        else:
            self.clear()


class BestPrices:
    """The few best levels of a side by position, which some data has instead of the whole ladder.

    Attributes:
        levels: The displayed prices, including virtual ones; if the data has none, the best prices without virtual
            ones. Each update assigns a new list.
    """

    __slots__ = ("_best", "_displayed", "levels")

    def __init__(self) -> None:
        self._displayed: dict[float, Level] = {}
        self._best: dict[float, Level] = {}
        self.levels: list[Level] = []

    def update_displayed(self, entries: Entries) -> None:
        """Apply a message's entries of the displayed prices.

        Args:
            entries: `[position, price, size]` each; a size of 0 removes the position.
        """
        self._update(self._displayed, entries)

    def update_best(self, entries: Entries) -> None:
        """Apply a message's entries of the prices without virtual ones, in the same form."""
        self._update(self._best, entries)

    def _update(self, levels: dict[float, Level], entries: Entries) -> None:
        for entry in entries:
            position, price, size = entry[0], entry[1], entry[2]
            if size == 0:
                levels.pop(position, None)
            else:
                levels[position] = {"price": price, "size": size}
        shown = self._displayed or self._best
        self.levels = [shown[position] for position in sorted(shown)]
