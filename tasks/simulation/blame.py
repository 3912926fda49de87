"""Whose fault an exception of a replay is, and how it is told: variant, market, tick, file and line.

An exception that passed through a strategy's code is the strategy's, and fails its variant. Any other is flumine's: the
session cannot be replayed for that variant, and all its markets are rejects.
"""

import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from flumine import BaseStrategy

from tasks.errors import ReplayError
from tasks.rejects import Reject
from tasks.simulation.guarded_config import ChangedConfigError
from tasks.simulation.limits import LimitError
from tasks.simulation.watched_book import ChangedBookError

# Whatever a strategy raises, its variant and market are named, and it does not end the worker.
WHATEVER = (Exception, LimitError, SystemExit)

REASON = "flumine cannot replay it"

# What is no exception of the strategy's own.
_DID: dict[type[BaseException], str] = {LimitError: "took", ChangedBookError: "changed", ChangedConfigError: "changed"}


class Place(NamedTuple):
    """Where in a market something happened.

    Attributes:
        market_id: The market.
        publish_time: Of the tick, milliseconds since 1970 UTC; 0 before the first.
    """

    market_id: str
    publish_time: int = 0

    def __str__(self) -> str:
        if not self.publish_time:
            return f"in market {self.market_id}, before its first tick"
        tick = datetime.fromtimestamp(self.publish_time / 1000, tz=UTC).isoformat(timespec="milliseconds")
        return f"in market {self.market_id} at {tick}"


def is_strategys(error: BaseException) -> bool:
    """Tell whether an exception passed through a strategy's code.

    Args:
        error: As it was caught.

    Returns:
        True where a method of a strategy was being run.
    """
    return any(isinstance(frame.f_locals.get("self"), BaseStrategy) for frame, _ in _frames(error))


def failure(variant_id: str, error: BaseException, where: str | Place) -> ReplayError:
    """Tell what a variant failed of.

    Args:
        variant_id: The variant's; empty where nobody knows whose fault it was.
        error: What was raised.
        where: In which market and tick, or a few words.

    Returns:
        One line, and the traceback below it.
    """
    lines = "".join(traceback.format_exception(error)).rstrip()
    did = _DID.get(type(error)) or f"raised {type(error).__name__}:"
    return ReplayError(f"{variant_id or 'the simulation'} {did} {error} {where}{_line_of(error)}\n{lines}", variant_id)


def rejects(variant_id: str, error: BaseException, where: Place, market_ids: Iterable[str]) -> list[Reject]:
    """Tell that a session cannot be replayed for a variant.

    Args:
        variant_id: The variant's.
        error: What flumine raised.
        where: In which market and tick.
        market_ids: The session's markets.

    Returns:
        Each market, left out.
    """
    said = f"{variant_id}: {type(error).__name__}: {error} {where}"
    return [Reject(market_id, REASON, said) for market_id in market_ids]


def _line_of(error: BaseException) -> str:
    """Name the strategy's own line in which it happened, the innermost."""
    found = [(frame.f_code.co_filename, line) for frame, line in _frames(error) if _is_of_strategy(frame)]
    if not found:
        return ""
    file, line = found[-1]
    return f", {Path(file).name}:{line}"


def _is_of_strategy(frame: FrameType) -> bool:
    own = frame.f_locals.get("self")
    return isinstance(own, BaseStrategy) and not frame.f_globals.get("__name__", "").startswith("flumine.")


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)
