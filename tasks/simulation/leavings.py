"""What strategies keep outside of their instances: in their classes and modules, in their process, in random numbers.

A session must not find what another left there, nor a variant what another variant did.
"""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from flumine import BaseStrategy

from tasks.simulation.kept_state import random_state, seed, snapshot
from tasks.simulation.surroundings import surroundings
from tasks.variants.dependencies.record import dependencies_of


class Leavings:
    """Looks at what the strategies of a replay keep, after each session, and now and then in it."""

    def __init__(self, variants: Iterable[tuple[type[BaseStrategy], str]]) -> None:
        """Look at what there is before the first session.

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
        """Begin a session, which has random numbers of its own.

        Args:
            text: Decides them.
        """
        seed(text)
        self._random = random_state()
        self._ticks = 0

    @property
    def are_shared(self) -> bool:
        """Whether a variant may find within a session what another keeps there for a while."""
        return len(self._variants) > 1

    def is_due(self, market_id: str, *, is_eventful: bool) -> bool:
        """Return whether to look within a session.

        What a strategy keeps from tick to tick it keeps in its first market too, as a rule; so that is looked at on
        every tick, the others at the ticks of which something may come, and now and then.

        Args:
            market_id: The market whose tick it is.
            is_eventful: Whether the tick is one of them.

        Returns:
            True on every tick of the first market, on eventful ones, and on the 1st, 2nd, 4th, 8th … of each session.
        """
        self._ticks += 1
        self._first_market = self._first_market or market_id
        return is_eventful or market_id == self._first_market or not self._ticks & (self._ticks - 1)

    def look(self) -> None:
        """Look at all that is kept, and note whose is not as it was before the first session, or cannot be told.

        Of what is every strategy's nobody knows who changed it, so that all are noted: surroundings, and random numbers
        where there are several to draw them.
        """
        is_drawn = self.are_shared and random_state() != self._random
        is_all = is_drawn or surroundings() != self._surroundings
        changed = {strategy for strategy, kept in self._kept.items() if is_all or not kept.is_as_it_was}
        self._left.update(variant_id for strategy, variant_id in self._variants if strategy in changed)

    def left_by(self) -> set[str]:
        """Look at what a session left behind.

        Returns:
            Ids of all variants that were noted since the first session.
        """
        if self._variants:
            self.look()
        return self._left


class _Loaded(NamedTuple):
    """Names of a strategy's own modules, and how many modules the process had then."""

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
