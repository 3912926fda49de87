"""The part of a market that is replayed: its grammar, and the test whether a message belongs to it.

The rule is flumine's own, quirks included: a suspended or closed market is replayed whatever the time. `compress.py`
decides which messages are kept.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import floor, inf
from typing import Any

from betfairlightweight.resources.baseresource import BaseResource

from tasks.errors import InputError

DEFAULT_WINDOW = "80s"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Definition = dict[str, Any]

# To the millisecond, as the stream's times; one spelling per number, so that equal windows are equal texts.
_NUMBER = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,2}[1-9])?"
_NOT_IN_PLAY = re.compile(rf"(?P<start>(?:\+(?!0s))?{_NUMBER})s")
_FROM = re.compile(rf"(?!\.\.$)(?:(?P<start>0|[-+](?!0s){_NUMBER})s)?\.\.(?:(?P<end>{_NUMBER})s)?")
_IN_PLAY = re.compile(rf"inplay(?:\.\.(?P<end>{_NUMBER})s)?")

_GRAMMAR = (
    "80s, -80s.., -80s..300s, ..300s, preoff, inplay, inplay..300s or all; "
    "+5s and +5s.. begin after the scheduled off; fractions without trailing zeros: 0.5s"
)


@dataclass(frozen=True)
class Window:
    """A part of a market.

    | written        | replayed                                                               |
    |----------------|------------------------------------------------------------------------|
    | `80s`          | the last 80 s before the scheduled off, on through a delay, not in-play |
    | `-80s..`       | from 80 s before the scheduled off to the end                          |
    | `-80s..300s`   | the same, but of in-play only the first 300 s                          |
    | `..300s`       | the whole market, but of in-play only the first 300 s                  |
    | `preoff`       | all that is not in-play                                                |
    | `inplay`       | in-play                                                                |
    | `inplay..300s` | the first 300 s of in-play                                             |
    | `all`          | the whole market                                                       |

    A window that begins at or after the scheduled off: `0s`, `+5s`, `0s..`, `+5s..300s`. Seconds may be fractions.

    The grammar covers every useful combination of flumine's arguments. It omits `seconds_to_start` with `inplay=True`,
    which flumine ignores, and `max_inplay_seconds` that is negative or combined with `inplay=False`, which matters only
    if a market that was in-play by mistake returns to pre-off.

    Attributes:
        inplay: True: only in-play; False: never in-play; None: both.
        seconds_to_start: Begins this many seconds before the scheduled off; negative is after it.
        max_inplay_seconds: Ends after this many seconds of in-play.
    """

    inplay: bool | None = None
    seconds_to_start: float | None = None
    max_inplay_seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Parse a window written in the grammar above.

        Raises:
            InputError: The text is not a window.
        """
        if text == "all":
            return cls()
        if text == "preoff":
            return cls(inplay=False)
        if match := _NOT_IN_PLAY.fullmatch(text):
            start = match["start"]
            return cls(inplay=False, seconds_to_start=-float(start) if start.startswith("+") else float(start))
        if match := _FROM.fullmatch(text):
            offset = _seconds(match["start"])
            begins = None if offset is None else 0 - offset
            return cls(seconds_to_start=begins, max_inplay_seconds=_seconds(match["end"]))
        if match := _IN_PLAY.fullmatch(text):
            return cls(inplay=True, max_inplay_seconds=_seconds(match["end"]))
        raise InputError(f"window {text!r}: give {_GRAMMAR}")

    @property
    def listener_kwargs(self) -> dict[str, bool | float]:
        """The window as arguments of flumine's historical listener."""
        named = {
            "inplay": self.inplay,
            "seconds_to_start": self.seconds_to_start,
            "max_inplay_seconds": self.max_inplay_seconds,
        }
        return {name: value for name, value in named.items() if value is not None}


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)


def _most(limit: float, a_second: int) -> int:
    """Return the largest number of time units within a limit in seconds, compared as floats as flumine does."""
    most = floor(limit * a_second)
    while most / a_second > limit:
        most -= 1
    while (most + 1) / a_second <= limit:
        most += 1
    return most


class Gate:
    """The publish times of one market that lie within a window, valid until the next definition.

    Attributes:
        opens: First publish time within the window, milliseconds since 1970 UTC.
        closes: Last one.
        in_play: `inPlay` of the market's last definition.
    """

    __slots__ = ("_before", "_in_play_for", "_in_play_since", "_wants_in_play", "closes", "in_play", "opens")

    def __init__(self, window: Window) -> None:
        begins, ends = window.seconds_to_start, window.max_inplay_seconds
        self._wants_in_play = window.inplay
        # In microseconds, as definitions' times, and in milliseconds, as messages' times.
        self._before = None if begins is None else _most(begins, 1_000_000)
        self._in_play_for = None if ends is None else _most(ends, 1000)
        self._in_play_since: int | None = None
        self.renew()

    def renew(self) -> None:
        """Forget the definition, as on an image; keep the start of in-play, as flumine does."""
        self.in_play: bool | None = None
        self.opens, self.closes = -inf, inf

    def define(self, definition: Definition, publish_time: int) -> None:
        """Apply a message's definition, before checking the message's own publish time."""
        in_play = definition.get("inPlay")
        if in_play and not self.in_play:
            self._in_play_since = publish_time
        self.in_play = in_play
        self.opens, self.closes = -inf, inf
        if definition.get("status") == "OPEN":
            self._limit(definition)

    def _limit(self, definition: Definition) -> None:
        if self._wants_in_play:
            if not self.in_play:
                self.opens = inf
        elif self._before is not None:
            market_time = (BaseResource.strip_datetime(definition["marketTime"]) - _EPOCH) // _MICROSECOND
            self.opens = -((self._before - market_time) // 1000)  # rounded up
        if self._wants_in_play is False and self.in_play:
            self.opens = inf
        if self._in_play_for is not None and self._in_play_since is not None:
            self.closes = self._in_play_since + self._in_play_for
