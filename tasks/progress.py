"""Log a stage's progress, for the terminal and the UI's log."""

import logging
import time
from typing import NamedTuple

logger = logging.getLogger("backtest")

_SECONDS_BETWEEN_LINES = 5.0
_MEGABYTE = 1e6


class Words(NamedTuple):
    """The nouns for a stage's parts and the things in them: chunks and markets, days and rows."""

    parts: str
    things: str


class Progress:
    """Logs every few seconds how far a stage is and how long it will take.

    Attributes:
        stage: The stage's name.
        words: The nouns for its parts.
        parts: Number of parts.
        size: Bytes of all parts; 0 if time does not depend on size.
    """

    def __init__(self, stage: str, words: Words, parts: int, size: int) -> None:
        self.stage, self.words, self.parts, self.size = stage, words, parts, size
        self._done_parts = self._done_size = self._things = 0
        self._started = self._said = time.monotonic()

    def advance(self, things: int, size: int) -> None:
        """Count a finished part with its number of things and its bytes."""
        self._done_parts += 1
        self._done_size += size
        self._things += things
        now = time.monotonic()
        if self.finished or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            logger.info("%s", self.sentence())

    @property
    def finished(self) -> bool:
        """Whether all parts are done."""
        return self._done_parts == self.parts

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1."""
        done, whole = (self._done_size, self.size) if self.size else (self._done_parts, self.parts)
        return done / whole if whole else 1.0

    def sentence(self) -> str:
        """Describe the progress and the remaining time in one line."""
        elapsed = time.monotonic() - self._started
        done, whole = (self._done_size, self.size) if self.size else (self._done_parts, self.parts)
        so_far = f"{self._done_parts} of {self.parts} {self.words.parts}, {self._things} {self.words.things}"
        megabytes = f", {self._done_size / _MEGABYTE:.1f} of {self.size / _MEGABYTE:.1f} MB" if self.size else ""
        left = f"; about {elapsed / done * (whole - done):.0f} s left" if done else ""
        time_said = f" in {elapsed:.1f} s" if self.finished else left
        return f"{self.stage}: {so_far}{megabytes}{time_said}"
