"""What strategies leave behind: in their classes and modules, in their process, in the global random state."""

import decimal
import locale
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from flumine import BaseStrategy

from tasks.simulation.dependencies.record import dependencies_of
from tasks.simulation.kept_state import random_state, seed, snapshot


class Leavings:
    """Looks at what the strategies of a replay keep outside of their instances, market after market.

    A market must not find what another left there, nor a variant what another variant did.
    """

    def __init__(self, variants: Iterable[tuple[type[BaseStrategy], str]]) -> None:
        """Look at what there is before the first market.

        Args:
            variants: Strategies and variant ids.
        """
        self._variants = list(variants)
        self._before = {strategy: _look(strategy) for strategy, _ in self._variants}
        self._surroundings = _surroundings()
        self._random = b""

    def begin(self, text: str) -> None:
        """Begin a market, which has random numbers of its own.

        Args:
            text: Decides them.
        """
        seed(text)
        self._random = random_state()

    def left_by(self) -> set[str]:
        """Look at what a market left behind.

        Returns:
            Ids of the variants of whose strategy something is not as it was before the first market, or cannot be told.
            Of what is every strategy's nobody knows who changed it, so that all are meant: surroundings, and random
            numbers where there are several to draw them.
        """
        is_drawn = len(self._variants) > 1 and random_state() != self._random
        if self._variants and (is_drawn or _surroundings() != self._surroundings):
            return {variant_id for _, variant_id in self._variants}
        changed = {strategy for strategy, before in self._before.items() if not before.is_same(_look(strategy))}
        return {variant_id for strategy, variant_id in self._variants if strategy in changed}


def _surroundings() -> tuple[object, ...]:
    return dict(os.environ), Path.cwd(), locale.setlocale(locale.LC_ALL), repr(decimal.getcontext())


class _Kept(NamedTuple):
    """What a strategy's modules and classes hold."""

    modules: tuple[str, ...]
    content: bytes | None

    def is_same(self, other: "_Kept") -> bool:
        return self.content is not None and self == other


def _look(strategy: type[BaseStrategy]) -> _Kept:
    found = dependencies_of(strategy)
    names = tuple(name for name in (*found.modules, *found.imported) if name in sys.modules)
    return _Kept(names, snapshot([sys.modules[name] for name in names], strategy.__mro__))
