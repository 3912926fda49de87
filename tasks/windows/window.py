"""The part of a market that is replayed, and the test that decides, message by message, what belongs to it.

The rule is flumine's own, its quirks included: a market that is suspended or closed is replayed whatever the time.
Which messages of a market are kept is `compress.py`'s business.
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

# To the millisecond, as the stream's times are; each number in one way, so that equal windows are the same text.
_NUMBER = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{0,2}[1-9])?"
_NOT_IN_PLAY = re.compile(rf"(?P<start>(?:\+(?!0s))?{_NUMBER})s")
_FROM = re.compile(rf"(?!\.\.$)(?:(?P<start>0|[-+](?!0s){_NUMBER})s)?\.\.(?:(?P<end>{_NUMBER})s)?")
_IN_PLAY = re.compile(rf"inplay(?:\.\.(?P<end>{_NUMBER})s)?")

_GRAMMAR = (
    "80s, -80s.., -80s..300s, ..300s, preoff, inplay, inplay..300s or all; "
    "+5s and +5s.. begin after the scheduled off, and 0.5s is half a second, with no needless zeros"
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

    A window that begins at the scheduled off or after it: `0s`, `+5s`, `0s..`, `+5s..300s`. Seconds may be fractions.

    So all that flumine takes can be said, but for what says no more: `seconds_to_start` with `inplay=True`, where
    flumine does not look at it; and `max_inplay_seconds` that is negative or comes with `inplay=False`, where it leaves
    out only what follows when a market that was in-play by mistake turns back.

    Attributes:
        inplay: Only in-play where True, never in-play where False.
        seconds_to_start: Not before so many seconds before the scheduled off; after it where negative.
        max_inplay_seconds: Not after so many seconds of in-play.
    """

    inplay: bool | None = None
    seconds_to_start: float | None = None
    max_inplay_seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read a window as a person writes it.

        Args:
            text: By the grammar above.

        Returns:
            The window.

        Raises:
            InputError: It is none.
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
        """What flumine's historical listener calls it."""
        named = {
            "inplay": self.inplay,
            "seconds_to_start": self.seconds_to_start,
            "max_inplay_seconds": self.max_inplay_seconds,
        }
        return {name: value for name, value in named.items() if value is not None}


def _seconds(text: str | None) -> float | None:
    return None if text is None else float(text)


def _most(limit: float, a_second: int) -> int:
    """Return the most units of time that are no more than a limit in seconds, compared as floats as flumine does."""
    most = floor(limit * a_second)
    while most / a_second > limit:
        most -= 1
    while (most + 1) / a_second <= limit:
        most += 1
    return most


class Gate:
    """Tells which messages of one market lie within a window: from `opens` to `closes`, until the next definition.

    Attributes:
        opens: First publish time that lies within, milliseconds since 1970 UTC.
        closes: Last one.
        in_play: As the market's last definition says.
    """

    __slots__ = ("_before", "_in_play_for", "_in_play_since", "_wants_in_play", "closes", "in_play", "opens")

    def __init__(self, window: Window) -> None:
        begins, ends = window.seconds_to_start, window.max_inplay_seconds
        self._wants_in_play = window.inplay
        # In microseconds, as times of definitions are, and in milliseconds, as those of messages are.
        self._before = None if begins is None else _most(begins, 1_000_000)
        self._in_play_for = None if ends is None else _most(ends, 1000)
        self._in_play_since: int | None = None
        self.renew()

    def renew(self) -> None:
        """Forget the definition, as an image does; the start of in-play stays known, as in flumine."""
        self.in_play: bool | None = None
        self.opens, self.closes = -inf, inf

    def define(self, definition: Definition, publish_time: int) -> None:
        """Take a message's definition, before the message itself is judged.

        Args:
            definition: The market's, as streamed.
            publish_time: Of its message.
        """
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
