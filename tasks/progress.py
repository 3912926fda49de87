"""A stage's progress: sentences in its log, and what a terminal or Prefect's UI draws its bar from."""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

# A logger of its own, because a terminal that shows bars leaves the sentences out.
PROGRESS_LOG = "backtest.progress"
logger = logging.getLogger(PROGRESS_LOG)

_SECONDS_BETWEEN_LINES = 5.0
_MEGABYTE = 1e6
# The sum of shares may be just below a whole number.
_ROUNDING = 1e-6


class Words(NamedTuple):
    """The nouns of a stage.

    Attributes:
        parts: What it is divided into: chunks, days.
        things: What comes out of its parts: markets, rows.
        counted: What its parts consist of, which a bar counts: files, markets, days.
    """

    parts: str
    things: str
    counted: str


class Piece:
    """A part of a stage's work.

    Attributes:
        count: Number of the things that a bar counts in it.
        size: Its bytes; 0 if time does not depend on size.
        share: How much of it is done, from 0 to 1.
    """

    def __init__(self, count: int = 1, size: int = 0) -> None:
        self.count, self.size, self.share = count, size, 0.0

    def count_to(self, count: int) -> None:
        """Note how many of its things are done."""
        self.reach(count / self.count)

    def reach(self, share: float) -> None:
        """Note how much is done; work that is done again counts once."""
        self.share = max(self.share, min(share, 1.0))


class Progress:
    """How far a stage is and how long it will take; logs it every few seconds.

    Attributes:
        stage: The stage's name.
        words: Its nouns.
        pieces: What has to be done.
        found: What was done before it began, which says nothing of how fast it is.
    """

    def __init__(self, stage: str, words: Words, pieces: Sequence[Piece], found: Sequence[Piece] = ()) -> None:
        self.stage, self.words, self.pieces, self.found = stage, words, pieces, found
        self._done_parts = self._things = 0
        self._started = self._said = time.monotonic()
        self._seconds: float | None = None

    def advance(self, piece: Piece, things: int) -> None:
        """Count a finished piece with the number of things that came out of it."""
        piece.reach(1)
        self._done_parts += 1
        self._things += things
        now = time.monotonic()
        if self.finished:
            self._seconds = now - self._started
        if self.finished or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            logger.info("%s", self.sentence())

    @property
    def finished(self) -> bool:
        """Whether all pieces are done."""
        return self._done_parts == len(self._all)

    @property
    def seconds(self) -> float:
        """Time since the start; until the end if it is finished."""
        return time.monotonic() - self._started if self._seconds is None else self._seconds

    @property
    def _all(self) -> tuple[Piece, ...]:
        return (*self.pieces, *self.found)

    @property
    def count(self) -> int:
        """Number of all that a bar counts."""
        return sum(piece.count for piece in self._all)

    @property
    def done(self) -> int:
        """How many of them are done."""
        return int(sum(piece.count * piece.share for piece in self._all) + _ROUNDING)

    @property
    def size(self) -> int:
        """Bytes of all pieces; 0 if time does not depend on size."""
        return sum(piece.size for piece in self._all)

    @property
    def done_size(self) -> int:
        """How many of them are done."""
        return int(sum(piece.size * piece.share for piece in self._all) + _ROUNDING)

    @property
    def fraction(self) -> float:
        """How much is done, from 0 to 1."""
        return _fraction(self._all)

    @property
    def rate(self) -> float | None:
        """How many of what a bar counts are done a second; None if that is unknown."""
        done = sum(piece.count * piece.share for piece in self.pieces)
        return done / self.seconds if done and self.seconds else None

    @property
    def seconds_left(self) -> float | None:
        """The estimated time left; None if that is unknown."""
        done = _fraction(self.pieces)
        return self.seconds / done * (1 - done) if done else None

    def sentence(self) -> str:
        """Describe the progress and the remaining time in one line."""
        so_far = f"{self._done_parts} of {len(self._all)} {self.words.parts}, {self._things} {self.words.things}"
        megabytes = f", {self.done_size / _MEGABYTE:.1f} of {self.size / _MEGABYTE:.1f} MB" if self.size else ""
        left = "" if self.seconds_left is None else f"; about {self.seconds_left:.0f} s left"
        time_said = f" in {self.seconds:.1f} s" if self.finished else left
        return f"{self.stage}: {so_far}{megabytes}{time_said}"


def _fraction(pieces: Sequence[Piece]) -> float:
    by_size = any(piece.size for piece in pieces)
    weights = [piece.size if by_size else piece.count for piece in pieces]
    whole = sum(weights)
    done = sum(weight * piece.share for weight, piece in zip(weights, pieces, strict=True))
    return done / whole if whole else 1.0


class Display(Protocol):
    """What shows on a terminal what a command is doing."""

    def begin(self, doing: str) -> None:
        """Show what is being done now."""
        ...

    def follow(self, progress: Progress) -> None:
        """Show a stage's progress from now on."""
        ...


class Activity:
    """Passes on what a command is doing to the display, if there is one.

    Attributes:
        display: None elsewhere than at a terminal.
    """

    def __init__(self) -> None:
        self.display: Display | None = None

    def begin(self, doing: str) -> None:
        """Say what is being done now, in a few words."""
        if self.display is not None:
            self.display.begin(doing)

    def follow(self, progress: Progress) -> None:
        """Say that a stage's work begins."""
        if self.display is not None:
            self.display.follow(progress)


activity = Activity()
"""The only instance: a command has one terminal."""
