"""Detect what strategies keep outside of their instances: in classes, modules, the process, the random state.

A session must not find what another one left there, nor a variant what another variant left.
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from flumine import BaseStrategy

from tasks.simulation.kept_state import random_state, seed, snapshot
from tasks.simulation.surroundings import surroundings
from tasks.variants.dependencies.record import dependencies_of


class Leavings:
    """Compares what a replay's strategies keep after each session, and at some ticks within it."""

    def __init__(self, variants: Iterable[tuple[type[BaseStrategy], str]]) -> None:
        """Take snapshots before the first session.

        Args:
            variants: Strategies and variant ids.
        """
        self._variants = list(variants)
        self._kept = {strategy: _Kept(strategy) for strategy, _ in self._variants}
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
        checked at every tick; later ones at eventful ticks, and at the 1st, 2nd, 4th, 8th … tick of each session.

        Args:
            is_eventful: Whether the strategy may have done something at this tick.
        """
        self._ticks += 1
        self._first_market = self._first_market or market_id
        return is_eventful or market_id == self._first_market or not self._ticks & (self._ticks - 1)

    def look(self) -> None:
        """Note the variants whose state differs from before the first session, or cannot be determined.

        For a change of shared state (surroundings, or random numbers where several strategies may draw) the culprit is
        unknown, so all variants are noted.
        """
        is_drawn = self.are_shared and random_state() != self._random
        is_all = is_drawn or surroundings() != self._surroundings
        changed = {strategy for strategy, kept in self._kept.items() if is_all or not kept.is_as_it_was}
        self._left.update(variant_id for strategy, variant_id in self._variants if strategy in changed)

    def left_by(self) -> set[str]:
        """Look after a session; return the ids of all variants noted since the first session."""
        if self._variants:
            self.look()
        return self._left


class _Loaded(NamedTuple):
    """Names of a strategy's own modules, and the number of modules in the process at that time."""

    names: tuple[str, ...]
    modules: int


class _Kept:
    """What a strategy's own modules and classes hold."""

    def __init__(self, strategy: type[BaseStrategy]) -> None:
        self._strategy = strategy
        self._loaded = self._load()
        self._content = self._look()

    @property
    def is_as_it_was(self) -> bool:
        """Whether nothing changed, and no module of its own was imported since."""
        if len(sys.modules) != self._loaded.modules:
            before, self._loaded = self._loaded, self._load()
            if self._loaded.names != before.names:
                self._content = None
        return self._content is not None and self._look() == self._content

    def _load(self) -> _Loaded:
        found = dependencies_of(self._strategy)
        names = tuple(name for name in (*found.modules, *found.imported) if name in sys.modules)
        return _Loaded(names, len(sys.modules))

    def _look(self) -> bytes | None:
        return snapshot([sys.modules[name] for name in self._loaded.names], self._strategy.__mro__)
