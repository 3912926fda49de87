"""Find the first row of each runner among millions, in little memory."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A longer run would take more memory while two are merged, and save little time.
_LONGEST_RUN = 1 << 18

# Market and selection in 64 bits, of which the market takes 30. The exchange's selection ids have had at most 27.
_SELECTION_BITS = 34
_LARGE = 1 << (_SELECTION_BITS - 1)


class Rated(NamedTuple):
    """Valid rows.

    Attributes:
        lines: The line that each begins on.
        markets: By `market_numbers`.
        selections: Selection ids, positive.
        ratings: Decimal odds.
    """

    lines: NDArray[np.uint32]
    markets: NDArray[np.uint32]
    selections: NDArray[np.int64]
    ratings: NDArray[np.float64]

    def where(self, chosen: NDArray[np.bool_]) -> "Rated":
        """Return some of the rows."""
        return Rated(self.lines[chosen], self.markets[chosen], self.selections[chosen], self.ratings[chosen])


class _Run(NamedTuple):
    """Runners, each once and sorted, with line and rating of the first row of each: 20 bytes a runner."""

    runners: NDArray[np.uint64]
    lines: NDArray[np.uint32]
    ratings: NDArray[np.float64]


class FirstRows:
    """The first row of each runner of the rows seen so far."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._large: dict[int, int] = {}

    def find(self, rows: Rated) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
        """Look up the runners of further rows, and remember them.

        Args:
            rows: In order of line, behind those of earlier calls.

        Returns:
            For each row, line and rating of the first row of its runner: its own if it is that.
        """
        runners, first, which = np.unique(self._runners(rows), return_index=True, return_inverse=True)
        found = _Run(runners, rows.lines[first], rows.ratings[first])
        is_new = np.ones(len(runners), dtype=bool)
        for run in self._runs:
            # In a file sorted by market, nearly every run ends before these runners begin.
            begins, last = np.searchsorted(runners, run.runners[[0, -1]])
            sought = slice(begins, last + 1)
            places = np.searchsorted(run.runners, runners[sought]).clip(max=len(run.runners) - 1)
            is_known = run.runners[places] == runners[sought]
            is_new[sought] &= ~is_known
            found.lines[sought][is_known] = run.lines[places[is_known]]
            found.ratings[sought][is_known] = run.ratings[places[is_known]]
        if is_new.any():
            self._remember(_Run(found.runners[is_new], found.lines[is_new], found.ratings[is_new]))
        return found.lines[which], found.ratings[which]

    def _runners(self, rows: Rated) -> NDArray[np.uint64]:
        """Number the runners: the market in the upper bits; the selection, or a large one's number, in the lower."""
        selections = rows.selections.astype(np.uint64)
        if (is_large := rows.selections >= _LARGE).any():
            large = rows.selections[is_large].tolist()
            selections[is_large] = [self._large.setdefault(one, _LARGE + len(self._large)) for one in large]
        return rows.markets.astype(np.uint64) << np.uint64(_SELECTION_BITS) | selections

    def _remember(self, new: _Run) -> None:
        """Merge runs of about the same length, so that there are few."""
        while self._runs:
            before, more = len(self._runs[-1].runners), len(new.runners)
            if before > 2 * more or before + more > _LONGEST_RUN:
                break
            new = _merged(self._runs.pop(), new)
        self._runs.append(new)


def _merged(one: _Run, other: _Run) -> _Run:
    runners = np.concatenate([one.runners, other.runners])
    order = np.argsort(runners, kind="stable")  # fast where both halves are sorted
    lines, ratings = np.concatenate([one.lines, other.lines]), np.concatenate([one.ratings, other.ratings])
    return _Run(runners[order], lines[order], ratings[order])
