"""Attribute an exception of a replay to a strategy or to flumine, and describe it: variant, market, tick, file, line.

An exception that passed through a strategy's code is the strategy's and fails its variant. Any other is flumine's: the
session cannot be replayed for that variant, and all its markets become rejects. Messages are plain text of bounded
length, even where a strategy's exception raises in its own `__str__`.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from flumine import BaseStrategy, utils
from flumine.baseflumine import BaseFlumine

from tasks.errors import ReplayError
from tasks.rejects import Reject
from tasks.simulation.lean import ChangedBookError, LeanSimulation
from tasks.variants.dependencies.callers import is_engine, is_own
from tasks.variants.guarded_config import ChangedConfigError
from tasks.watch import Overrun

# Flumine never raises these itself: the process lacks a resource, and some strategy used it up.
OF_THE_PROCESS = (MemoryError, OSError, RecursionError)

REASON = "flumine cannot replay it"

# Exceptions of this project, whose message reads better without the exception's name.
_DID: dict[type[BaseException], str] = {ChangedBookError: "changed", ChangedConfigError: "changed"}

# Flumine's code that calls strategies. An exception raised in one of these frames itself, not in the callee, means that
# the strategy's attribute is no function or takes other arguments.
_CALLING: tuple[Callable[..., object], ...] = (
    utils.call_strategy_error_handling,
    utils.call_process_orders_error_handling,
    utils.call_process_raw_data,
    BaseFlumine._remove_market,  # noqa: SLF001 - the function that calls `remove_market`
    LeanSimulation.process,
)
_CALLERS: frozenset[CodeType] = frozenset(caller.__code__ for caller in _CALLING)

_CHARACTERS_OF_A_NAME = 100
_CHARACTERS_SAID = 500
_CHARACTERS_OF_A_LINE = 1_000
_CHARACTERS_OF_A_TRACEBACK = 10_000


class Place(NamedTuple):
    """Where in a market something happened.

    Attributes:
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
    """Return whether a strategy is to blame: its code was running, or what flumine tried to call is not callable."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(map(_is_strategys, frames)) or (bool(frames) and frames[-1].f_code in _CALLERS)


def failure(variant_id: str, error: BaseException, where: str | Place) -> ReplayError:
    """Describe why a variant failed.

    Args:
        variant_id: Empty where the culprit is unknown.
        where: Market and tick, or a few words.

    Returns:
        An error of one line, with the traceback below it.
    """
    did = _DID.get(type(error)) or f"raised {_name_of(error)}:"
    frames = traceback.walk_tb(error.__traceback__)
    return _told(variant_id, f"{did} {said(error)} {where}{_line_of(frames)}", _traceback_of(error))


def trace(error: BaseException) -> str:
    """Return an exception's traceback as Python prints it, from the strategy's first line on; whole if it has none."""
    every = [*_tracebacks(error)]
    own = [one for one in every if _is_strategys(one.tb_frame)]
    if isinstance(error, SyntaxError):
        # It names its own line; what follows the strategy's last one is the import.
        every = own
        if own:
            own[-1].tb_next = None
    return _traceback_of(error.with_traceback(next(iter(own or every), None)))


def _tracebacks(error: BaseException) -> Iterator[TracebackType]:
    found = error.__traceback__
    while found is not None:
        yield found
        found = found.tb_next


def overrun(variant_id: str, overrun: Overrun, where: str | Place, frame: FrameType | None) -> ReplayError:
    """Describe a replay that exceeds its limits, while it is still running.

    Args:
        variant_id: The variant whose strategy was called last.
        where: Market and tick.
        frame: The frame being executed.

    Returns:
        As `failure` does; the variant is named only if its strategy's code is on the stack.
    """
    frames = list(traceback.walk_stack(frame))[::-1]
    is_its_own = any(_is_strategys(frame) for frame, _ in frames)
    lines = traceback.StackSummary.extract(iter(frames)).format()
    what = f"took {overrun.took} {where}{_line_of(frames)}{overrun.advice}"
    return _told(variant_id if is_its_own else "", what, "".join(lines))


def rejects(variant_id: str, error: BaseException, where: Place, market_ids: Iterable[str]) -> list[Reject]:
    """Return a reject for each market of a session that flumine cannot replay for a variant."""
    detail = f"{variant_id}: {_name_of(error)}: {said(error)} {where}"
    return [Reject(market_id, REASON, detail) for market_id in market_ids]


def said(error: BaseException) -> str:
    """Return an exception's message in one line, truncated if long; safe even if its `__str__` raises."""
    try:
        text = str(error)
    except BaseException as unsaid:  # noqa: BLE001 - a strategy's `__str__` may raise anything
        return f"(and raised {_name_of(unsaid)} when it was asked what)"
    return " ".join(text[:_CHARACTERS_SAID].split()) + "…" * (len(text) > _CHARACTERS_SAID)


def _told(variant_id: str, what: str, trace: str) -> ReplayError:
    line = " ".join(f"{variant_id or 'the simulation'} {what}".split())[:_CHARACTERS_OF_A_LINE]
    half = _CHARACTERS_OF_A_TRACEBACK // 2
    kept = trace if len(trace) <= _CHARACTERS_OF_A_TRACEBACK else f"{trace[:half]}\n…\n{trace[-half:]}"
    return ReplayError(f"{line}\n{kept.rstrip()}", variant_id)


def _name_of(error: BaseException) -> str:
    return str(type.__dict__["__name__"].__get__(type(error)))[:_CHARACTERS_OF_A_NAME]


def _traceback_of(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - an exception's own formatting may raise anything
        return "".join(traceback.format_tb(error.__traceback__))


def _line_of(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Return the innermost line of the strategy's own code."""
    found = [(frame.f_code.co_filename, line) for frame, line in frames if _is_of_strategy(frame)]
    if not found:
        return ""
    file, line = found[-1]
    return f", {Path(file).name}:{line}"


def _is_strategys(frame: FrameType) -> bool:
    return _is_method(frame) or _is_own(frame)


def _is_of_strategy(frame: FrameType) -> bool:
    is_flumines = str(frame.f_globals.get("__name__", "")).startswith("flumine.")
    return (_is_method(frame) and not is_flumines) or _is_own(frame)


def _is_method(frame: FrameType) -> bool:
    """Return whether a frame runs a method of a strategy, whatever the first argument is called."""
    code = frame.f_code
    if not code.co_argcount:
        return False
    return BaseStrategy in type(frame.f_locals.get(code.co_varnames[0])).__mro__


def _is_own(frame: FrameType) -> bool:
    """Return whether a frame runs a user's own function."""
    return is_own(frame.f_code.co_filename) and not is_engine(str(frame.f_globals.get("__name__", "")))
