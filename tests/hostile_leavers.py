"""Strategies that keep something outside of their instance, or take it from there: one market's may reach another."""

import abc
import copy
import enum
import functools
import inspect
import logging
import os
import random
from typing import Any, ClassVar, get_type_hints

import numpy as np
from betfairlightweight.resources import MarketBook
from flumine import config, utils
from flumine.markets.market import Market
from hostile_bets import Bets

_bet_on: set[str] = set()
_asked: list[int] = []


class ClassCounter(Bets):
    """Bets until its class has counted so many bets."""

    bets = 0

    def __init__(self, most: int = 2, **flumine: Any) -> None:
        """Take how many."""
        super().__init__(**flumine)
        self.most = most

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Count."""
        return ClassCounter.bets < self.most and super().check_market_book(market, market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet, and count."""
        ClassCounter.bets += 1
        super().process_market_book(market, market_book)


class ClassList(Bets):
    """Stakes more the more its class has bet, which it keeps in a list that the class has by name."""

    stakes: ClassVar[list[float]] = []

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Stake a pound more than last."""
        self.stakes.append(2.0 + len(self.stakes) % 5)
        return self.stakes[-1]


class ModuleSet(Bets):
    """Bets on the events that its module's set does not have yet."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Look it up."""
        return market.event_id not in _bet_on and super().check_market_book(market, market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet, and remember."""
        _bet_on.add(market.event_id)
        super().process_market_book(market, market_book)


class DefaultArgument(Bets):
    """Stakes by how often a function was called, which its default argument remembers."""

    def stake(self, market: Market) -> float:
        """Ask the function."""
        return 2.0 + _calls(market.market_id) % 5


class Cached(Bets):
    """Stakes what a cached function said when it was first asked."""

    def stake(self, market: Market) -> float:
        """Ask the function."""
        return _first_said(market.market_id)


class FunctionAttribute(Bets):
    """Stakes by a counter that is an attribute of its own method."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Count calls of this method."""
        calls = getattr(FunctionAttribute.stake, "calls", 0)
        FunctionAttribute.stake.calls = calls + 1  # type: ignore[attr-defined]
        return float(2 + calls % 5)


class FlumineFunction(Bets):
    """Stakes by a counter that is an attribute of a function of flumine's."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Count calls there."""
        calls = getattr(utils.chunks, "calls", 0)
        utils.chunks.calls = calls + 1
        return float(2 + calls % 5)


class LoggerLevel(Bets):
    """Stakes by the level of a logger that it finds by its name."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Count there."""
        logger = logging.getLogger("hostile")
        logger.setLevel(logger.level % 5 + 1)
        return 2.0 + logger.level


class OwnTypes(Bets):
    """Stakes by what it has registered, joined and hinted at before."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Look, and leave one of each."""
        stake = 2.0 + issubclass(_Side, _Asked) + (len(_Side._value2member_map_) > len(_Side))
        stake += _Asked.__annotations__.get("calls", 0) % 5
        _Asked.register(_Side)
        _Asked.__annotations__["calls"] = _Asked.__annotations__.get("calls", 0) + 1
        return stake + (_Side.BACK | _Side.LAY).value


class Tidy(Bets):
    """Does what changes nothing, though Python remembers it: copies, asks for hints, logs, calls by type."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Do it all."""
        logging.getLogger(__name__).debug("asked")
        logging.getLogger("hostile.tidy").isEnabledFor(logging.DEBUG)
        get_type_hints(Tidy.stake), inspect.signature(utils.chunks), vars(utils.get_price), isinstance(self, _Asked)
        return copy.copy(_Tidy(_size(2.0))).size + (~_Side.BACK is _Side.LAY)


class GlobalDice(Bets):
    """Stakes by Python's own dice."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Throw them."""
        return float(random.randrange(2, 9))  # noqa: S311 - not for secrets


class NumpyDice(Bets):
    """Stakes by numpy's old dice, which are global too."""

    def stake(self, market: Market) -> float:  # noqa: ARG002 - of all bets
        """Throw them."""
        return float(np.random.randint(2, 9))  # noqa: NPY002 - that is the point


class HashOrder(Bets):
    """Bets on the runner whose name comes first in a set of strings."""

    def choose(self, market_book: MarketBook) -> int:
        """Let the hash of strings decide."""
        names = {f"runner {number}": number for number in range(len(market_book.runners))}
        return names[next(iter(set(names)))]


class Environment(Bets):
    """Bets where no environment variable of its own says that it did."""

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Look it up."""
        return "HOSTILE_BET" not in os.environ and super().check_market_book(market, market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet, and say so."""
        os.environ["HOSTILE_BET"] = "1"
        super().process_market_book(market, market_book)


class ChangesConfig(Bets):
    """Sets flumine's simulated latency, for all."""

    def __init__(self, slow: float = 0.0, **flumine: Any) -> None:
        """Take the latency, seconds; 0 leaves it as it is."""
        super().__init__(**flumine)
        self.slow = slow

    def start(self, flumine: Any) -> None:  # noqa: ARG002 - flumine's signature
        """Set it."""
        if self.slow:
            config.place_latency = self.slow


class _Side(enum.Flag):
    BACK = 1
    LAY = 2


class _Asked(abc.ABC):  # noqa: B024 - to be registered with
    pass


class _Tidy:
    def __init__(self, size: float) -> None:
        self.size = size


@functools.singledispatch
def _size(size: object) -> float:
    return float(str(size))


@_size.register
def _(size: float) -> float:
    return size


def _calls(market_id: str, calls: list[str] = []) -> int:  # noqa: B006 - that is the point
    calls.append(market_id)
    return len(calls)


@functools.cache
def _first_said(market_id: str) -> float:
    _asked.append(len(market_id))
    return float(1 + len(_asked) % 7) + 1
