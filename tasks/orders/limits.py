"""Limits on a replay's time and memory, per step; the process that waits for it enforces them."""

import math
from typing import NamedTuple

from tasks.watch import Step

# An 80-second window with a dozen variants, which plain flumine replays in a tenth of a second.
_TICKS = 3_000

# Generous, because a slow disk or object store is not a strategy's fault.
_SECONDS_TO_READ_OR_WRITE = 600.0


class Limits(NamedTuple):
    """Limits on the replay of a market.

    Attributes:
        seconds: Per 3,000 messages given to a variant, and at least once.
        megabytes: Resident memory (RSS) of its process.
    """

    seconds: float
    megabytes: float

    def replaying(self, what: str, ticks: int = 0) -> Step:
        """Return the step of a replay or a part of one.

        Args:
            what: Its description: `market 1.200806927`.
            ticks: Number of messages, times the variants that receive them.
        """
        return Step(what, self.seconds * max(1, ticks / _TICKS), self.megabytes, "market_seconds")

    def reading(self, what: str) -> Step:
        """Return the step of reading or writing something."""
        return Step(what, max(self.seconds, _SECONDS_TO_READ_OR_WRITE), self.megabytes)


NO_LIMITS = Limits(math.inf, math.inf)
