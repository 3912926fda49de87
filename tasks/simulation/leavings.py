"""Detect what strategies keep outside of their instances: in classes, modules, the process, the random state.

A session must not find what another one left there, nor a variant what another variant left.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flumine import BaseStrategy

from tasks.simulation.kept_state import random_state, seed, snapshot
from tasks.simulation.surroundings import surroundings
from tasks.variants.dependencies.record import dependencies_of

_EACH_TICK = 1_024
_STRIDE = 7


class Leavings:
    """Compares what a replay's strategies keep after each session, and at some ticks within it."""

    def __init__(self, variants: Iterable[tuple[type[BaseStrategy], str]]) -> None:
        """Take snapshots before the first session.

        Args:
            variants: Strategies and variant ids.
        """
        self._variants = list(variants)
        self._kept = {strategy: _Kept([strategy]) for strategy, _ in self._variants}
        # One look at all of them costs little more than one at one: they mostly share their modules.
        self._together = _Kept(list(self._kept))
        self._surroundings = surroundings()
        self._random = b""
        self._left: set[str] = set()
        self._first_market = ""
        self._ticks = 0

    def begin(self, text: str) -> None:
        """Begin a session: seed the random numbers by a text."""
        seed(text)
        self._random = random_state()
        self._ticks = 0

    @property
    def are_shared(self) -> bool:
        """Whether a variant may find within a session what another one keeps there temporarily."""
        return len(self._variants) > 1

    def is_due(self, market_id: str, *, is_eventful: bool) -> bool:
        """Return whether to look now, within a session.

        A strategy that keeps state from tick to tick usually does so in its first market too. So the first market is
        checked at every tick, from the 1,025th on at every seventh; later ones at eventful ticks, and at the 1st, 2nd,
        4th, 8th … tick of each session.

        Args:
            is_eventful: Whether the strategy may have done something at this tick.
        """
        self._ticks += 1
        self._first_market = self._first_market or market_id
        if is_eventful or not self._ticks & (self._ticks - 1):
            return True
        return market_id == self._first_market and (self._ticks <= _EACH_TICK or not self._ticks % _STRIDE)

    def look(self) -> None:
        """Note the variants whose state differs from before the first session, or cannot be determined.

        For a change of shared state (surroundings, or random numbers where several strategies may draw) the culprit is
        unknown, so all variants are noted.
        """
        is_drawn = self.are_shared and random_state() != self._random
        is_all = is_drawn or surroundings() != self._surroundings
        if not is_all and self._together.is_as_it_was:
            return
        changed = {strategy for strategy, kept in self._kept.items() if is_all or not kept.is_as_it_was}
        self._left.update(variant_id for strategy, variant_id in self._variants if strategy in changed)

    def left_by(self) -> set[str]:
        """Look after a session; return the ids of all variants noted since the first session."""
        if self._variants:
            self.look()
        return self._left


class _Loaded(NamedTuple):
    """Names of the strategies' own modules, and the number of modules in the process at that time."""

    names: tuple[str, ...]
    modules: int


class _Kept:
    """What some strategies' own modules and classes hold."""

    def __init__(self, strategies: Sequence[type[BaseStrategy]]) -> None:
        self._strategies = strategies
        self._loaded = self._load()
        self._content = self._look()

    @property
    def is_as_it_was(self) -> bool:
        """Whether nothing changed, and no module of their own was imported since."""
        if len(sys.modules) != self._loaded.modules:
            before, self._loaded = self._loaded, self._load()
            if self._loaded.names != before.names:
                self._content = None
        return self._content is not None and self._look() == self._content

    def _load(self) -> _Loaded:
        found = map(dependencies_of, self._strategies)
        own = dict.fromkeys(name for each in found for name in (*each.modules, *each.imported))
        return _Loaded(tuple(name for name in own if name in sys.modules), len(sys.modules))

    def _look(self) -> bytes | None:
        classes = dict.fromkeys(cls for strategy in self._strategies for cls in strategy.__mro__)
        return snapshot([sys.modules[name] for name in self._loaded.names], classes)
