"""How long a replay may take and how much memory, told to whoever waits for it, step by step.

What becomes of one that takes more is the business of whoever waits, and then of the stage.
"""

import math
from typing import NamedTuple

from tasks.watch import Step

# What a market of 80 seconds has for a dozen variants, and plain flumine replays in a tenth of a second.
_TICKS = 3_000

# Of a disk or an object store, which is no strategy's fault.
_SECONDS_TO_READ_OR_WRITE = 600.0


class Limits(NamedTuple):
    """What the replay of a market may take.

    Attributes:
        seconds: Of time, for each 3,000 messages that a variant is given, and for fewer.
        megabytes: Of memory of its process, as the system counts it (RSS).
    """

    seconds: float
    megabytes: float

    def replaying(self, what: str, ticks: int = 0) -> Step:
        """Return what a replay may take, or a part of one.

        Args:
            what: What is being done.
            ticks: Messages, times the variants that are given them.

        Returns:
            The step.
        """
        return Step(what, self.seconds * max(1, ticks / _TICKS), self.megabytes, "market_seconds")

    def reading(self, what: str) -> Step:
        """Return what reading or writing may take.

        Args:
            what: What is being done.

        Returns:
            The step.
        """
        return Step(what, max(self.seconds, _SECONDS_TO_READ_OR_WRITE), self.megabytes)


NO_LIMITS = Limits(math.inf, math.inf)
