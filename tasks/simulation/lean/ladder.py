"""One side of a runner's prices, kept sorted by bisection; what the sides mean is `lean_cache.py`'s business."""

from bisect import bisect_left
from math import inf

Level = dict[str, float]
Entries = list[list[float]]


class PriceLadder:
    """Levels by price, lowest or highest first.

    Attributes:
        levels: The reader's to keep: a list that stood here never changes.
    """

    __slots__ = ("_keys", "_levels", "_sign", "levels")

    def __init__(self, sign: int) -> None:
        """Start empty.

        Args:
            sign: 1 where the lowest price comes first, -1 where the highest.
        """
        self._sign = sign
        self.clear()

    def clear(self) -> None:
        """Remove all levels."""
        # The last key is no level's: with it, every place that bisection finds can be looked at.
        self._keys: list[float] = [inf]
        self._levels: list[Level] = []
        self.levels: list[Level] = []

    def update(self, entries: Entries) -> None:
        """Take a message's entries.

        Args:
            entries: `[price, size]` each; a size of 0 removes the level.
        """
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
        self.levels = levels.copy()


class TradedLadder(PriceLadder):
    """Levels by price that a message without any clears."""

    __slots__ = ()

    def update(self, entries: Entries) -> None:
        """Take a message's entries.

        Args:
            entries: `[price, size]` each; none at all removes all levels.
        """
        if entries:
            super().update(entries)
        else:
            self.clear()


class BestPrices:
    """The few best levels of a side by position, which some data has in place of the whole ladder.

    Attributes:
        levels: What the exchange displays, or where it sends none the best without; never changed once it stands here.
    """

    __slots__ = ("_best", "_displayed", "levels")

    def __init__(self) -> None:
        self._displayed: dict[float, Level] = {}
        self._best: dict[float, Level] = {}
        self.levels: list[Level] = []

    def update_displayed(self, entries: Entries) -> None:
        """Take a message's entries of the displayed prices.

        Args:
            entries: `[position, price, size]` each; a size of 0 removes the position.
        """
        self._update(self._displayed, entries)

    def update_best(self, entries: Entries) -> None:
        """Take a message's entries of the prices without those that the exchange adds.

        Args:
            entries: As above.
        """
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
