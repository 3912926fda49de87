"""What a strategy would carry from one market into the next, if one instance of it lived through both.

Where each market meets a fresh instance, that is lost; so its name is told. It is a hint: whatever an attribute has
against being looked at, nothing is said of it.
"""

import pickle
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flumine import BaseStrategy, FlumineSimulation
from flumine.baseflumine import BaseFlumine
from flumine.clients import BaseClient, Clients
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

# What flumine keeps on a strategy for itself. Its context and its limits are the strategy's own.
_FLUMINES = frozenset(("streams", "clients", "historic_stream_ids", "name_hash", "_invested", "_name"))
# What flumine gives to a strategy: the same thing is the same, whatever became of it.
_GIVEN = (BaseStrategy, BaseFlumine, BaseClient, Clients, BetfairHistoricalStream)

_PLAIN = frozenset((int, float, str, bool, bytes, type(None)))
_COMMON = _PLAIN | {list, dict, tuple}
_MOST_BYTES = 60_000
_PROTOCOL = 5


class CarriedOver:
    """A strategy, and what it was at its start."""

    def __init__(self, simulation: FlumineSimulation) -> None:
        """Look at the strategy.

        Args:
            simulation: Its framework, in which it was started.
        """
        self._simulation = simulation
        (self._strategy,) = simulation.strategies
        self._before = attributes(self._strategy)

    def names(self) -> tuple[str, ...]:
        """Look again when all is over: each market is removed, as flumine does with those that are closed.

        Returns:
            Names of the attributes that differ, sorted.
        """
        for market in self._simulation.markets:
            if not market.closed:
                with suppress(Exception):  # what the strategy has against it does not matter any more
                    self._strategy.remove_market(market.market_id)
        return differing(self._before, attributes(self._strategy))


def attributes(strategy: BaseStrategy) -> dict[str, object]:
    """Return what an instance holds in its own attributes, flumine's apart.

    Args:
        strategy: The instance.

    Returns:
        By name what a value is, to be compared with what it is later; None where that cannot be told.
    """
    return {name: _content(value) for name, value in vars(strategy).items() if name not in _FLUMINES}


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """Name the attributes that are not as they were.

    Args:
        before: As `attributes` told them.
        after: The same later.

    Returns:
        Their names, sorted; without those of which it could not be told what they were.
    """
    # The class has no value of these, so one that came or went is another.
    return tuple(
        sorted(
            name
            for name in {**before, **after}
            if before.get(name, _ABSENT) is not None and before.get(name, _ABSENT) != after.get(name, _ABSENT)
        )
    )


_ABSENT = object()


def _content(value: object) -> object:
    if type(value) in _PLAIN:
        return type(value), repr(value)
    written = _Written()
    try:
        _Contents(written).dump(value)
    except Exception:  # noqa: BLE001 - as the module says
        return None
    return bytes(written.content)


class _Written:
    """A file of limited size."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        if len(self.content) + len(data) > _MOST_BYTES:
            raise ValueError("too much")
        self.content += data


class _Contents(pickle.Pickler):
    """Writes down what a value holds, the same for equal values, in a form that nobody will read."""

    def __init__(self, file: _Written) -> None:
        super().__init__(file, _PROTOCOL)
        self.fast = True  # nothing is told by whether it is the same object

    def persistent_id(self, obj: object) -> Any:  # noqa: ANN401 - as pickle has it
        if type(obj) in _COMMON:
            return None
        if isinstance(obj, _GIVEN):
            return id(obj)
        if isinstance(obj, (set, frozenset)):
            return sorted(map(repr, obj))  # not by what it once held, which decides its order
        return None
