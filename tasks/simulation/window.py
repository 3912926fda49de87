"""The part of a market that is replayed, and the test that decides, message by message, what belongs to it.

The rule is flumine's own, its quirks included: a market that is suspended or closed is replayed whatever the time.
Which messages of a market are kept is `fold.py`'s business.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, inf
from typing import Any

from betfairlightweight.resources.baseresource import BaseResource

from tasks.errors import InputError

DEFAULT_WINDOW = "80s"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Definition = dict[str, Any]

_BEFORE = re.compile(r"(?P<start>[1-9]\d*)s")
_FROM = re.compile(r"-(?P<start>[1-9]\d*)s\.\.(?:(?P<end>[1-9]\d*)s)?")
_IN_PLAY = re.compile(r"inplay(?:\.\.(?P<end>[1-9]\d*)s)?")

_GRAMMAR = "80s, -80s.., -80s..300s, preoff, inplay, inplay..300s or all"


@dataclass(frozen=True)
class Window:
    """A part of a market.

    | written        | replayed                                                               |
    |----------------|------------------------------------------------------------------------|
    | `80s`          | the last 80 s before the scheduled off, on through a delay, not in-play |
    | `-80s..`       | from 80 s before the scheduled off to the end                          |
    | `-80s..300s`   | the same, but of in-play only the first 300 s                          |
    | `preoff`       | all that is not in-play                                                |
    | `inplay`       | in-play                                                                |
    | `inplay..300s` | the first 300 s of in-play                                             |
    | `all`          | the whole market                                                       |

    Attributes:
        inplay: Only in-play where True, never in-play where False.
        seconds_to_start: Not before so many seconds before the scheduled off.
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
        if match := _BEFORE.fullmatch(text):
            return cls(inplay=False, seconds_to_start=float(match["start"]))
        if match := _FROM.fullmatch(text):
            return cls(seconds_to_start=float(match["start"]), max_inplay_seconds=_seconds(match["end"]))
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


class Gate:
    """Tells which messages of one market lie within a window: from `opens` to `closes`, until the next definition.

    Attributes:
        opens: First publish time that lies within, milliseconds since 1970 UTC.
        closes: Last one.
        in_play: As the market's last definition says.
    """

    __slots__ = ("_in_play_since", "_window", "closes", "in_play", "opens")

    def __init__(self, window: Window) -> None:
        self._window = window
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
        window = self._window
        if window.inplay:
            if not self.in_play:
                self.opens = inf
        elif window.seconds_to_start is not None:
            market_time = (BaseResource.strip_datetime(definition["marketTime"]) - _EPOCH) // _MICROSECOND
            self.opens = ceil((market_time - window.seconds_to_start * 1_000_000) / 1000)
        if window.inplay is False and self.in_play:
            self.opens = inf
        if window.max_inplay_seconds is not None and self._in_play_since is not None:
            self.closes = self._in_play_since + floor(window.max_inplay_seconds * 1000)
