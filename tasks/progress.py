"""How far a stage is, in sentences, for the terminal and the UI's log."""

import logging
import time

logger = logging.getLogger("backtest")

_SECONDS_BETWEEN_LINES = 5.0
_MEGABYTE = 1e6


class Progress:
    """Says now and then how far a stage is and how long it will take.

    Attributes:
        stage: Its name.
        parts: How many parts it has.
        size: Bytes of all parts.
    """

    def __init__(self, stage: str, parts: int, size: int) -> None:
        self.stage, self.parts, self.size = stage, parts, size
        self._done_parts = self._done_size = self._markets = 0
        self._started = self._said = time.monotonic()

    def advance(self, markets: int, size: int) -> None:
        """Count a finished part.

        Args:
            markets: Its markets.
            size: Its bytes.
        """
        self._done_parts += 1
        self._done_size += size
        self._markets += markets
        now = time.monotonic()
        if self._done_parts < self.parts and now - self._said < _SECONDS_BETWEEN_LINES:
            return
        self._said = now
        elapsed = now - self._started
        left = elapsed / self._done_size * (self.size - self._done_size) if self._done_size else 0
        remaining = f"; about {left:.0f} s left" if self._done_parts < self.parts else f" in {elapsed:.1f} s"
        logger.info(
            "%s: %d of %d chunks, %d markets, %.1f of %.1f MB%s",
            self.stage,
            self._done_parts,
            self.parts,
            self._markets,
            self._done_size / _MEGABYTE,
            self.size / _MEGABYTE,
            remaining,
        )
