"""Find what a strategy would carry from one market into the next, if one instance of it lived through both.

Where each market gets a fresh instance, that state is lost, so the attributes are reported by name. It is only a hint:
an attribute that cannot be inspected is not reported.
"""

import pickle
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flumine import BaseStrategy, FlumineSimulation
from flumine.baseflumine import BaseFlumine
from flumine.clients import BaseClient, Clients
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

# What flumine itself keeps on a strategy. Context and limits are the strategy's own.
_FLUMINES = frozenset(("streams", "clients", "historic_stream_ids", "name_hash", "_invested", "_name"))
# Objects that flumine gives to a strategy: compared by identity, not by content.
_GIVEN = (BaseStrategy, BaseFlumine, BaseClient, Clients, BetfairHistoricalStream)

_PLAIN = frozenset((int, float, str, bool, bytes, type(None)))
_COMMON = _PLAIN | {list, dict, tuple}
_MOST_BYTES = 60_000
_PROTOCOL = 5


class CarriedOver:
    """A strategy and the content of its attributes at the start."""

    def __init__(self, simulation: FlumineSimulation) -> None:
        self._simulation = simulation
        (self._strategy,) = simulation.strategies
        self._before = attributes(self._strategy)

    def names(self) -> tuple[str, ...]:
        """Compare again at the end, after removing each open market as flumine does with closed ones.

        Returns:
            Names of the attributes that differ, sorted.
        """
        for market in self._simulation.markets:
            if not market.closed:
                with suppress(Exception):  # its errors no longer matter here
                    self._strategy.remove_market(market.market_id)
        return differing(self._before, attributes(self._strategy))


def attributes(strategy: BaseStrategy) -> dict[str, object]:
    """Return the content of an instance's own attributes, without flumine's.

    Returns:
        Comparable content by name; None where it cannot be determined.
    """
    return {name: _content(value) for name, value in vars(strategy).items() if name not in _FLUMINES}


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of attributes that changed, sorted; without those whose earlier content is unknown."""
    # The class has no value of these, so an attribute that was added or deleted has changed.
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
    except Exception:  # noqa: BLE001 - see the module's docstring
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
    """Serializes a value for comparison only: equal values give equal bytes."""

    def __init__(self, file: _Written) -> None:
        super().__init__(file, _PROTOCOL)
        self.fast = True  # no memo: whether two values are the same object does not matter

    def persistent_id(self, obj: object) -> Any:  # noqa: ANN401 - pickle's signature
        if type(obj) in _COMMON:
            return None
        if isinstance(obj, _GIVEN):
            return id(obj)
        if isinstance(obj, (set, frozenset)):
            return sorted(map(repr, obj))  # insertion history must not matter, and it decides a set's order
        return None
