"""Lulls: a market's messages at which nothing can happen to a variant, so that it needs no books of them."""

import math
from collections.abc import Collection
from typing import NamedTuple

from tasks.simulation.lean.book import Change, Key


class Lull(NamedTuple):
    """What has to be in a market's message for a strategy or an order to act.

    A new definition always ends a lull: it may change the status, the version and the scheduled off.

    Attributes:
        until: Publish time from which the strategy may act, milliseconds since 1970 UTC.
        runners: Those with live orders, which a trade may match.
    """

    until: float
    runners: frozenset[Key]

    @property
    def is_whole(self) -> bool:
        """Whether it covers every message without a definition."""
        return self.until == math.inf and not self.runners

    def covers(self, change: Change, publish_time: int) -> bool:
        """Return whether nothing can happen at a message.

        Args:
            change: The market's entry of `mc`.
            publish_time: Milliseconds since 1970 UTC.
        """
        if publish_time >= self.until or "marketDefinition" in change:
            return False
        runners = self.runners
        return not runners or not any(
            "trd" in entry and (entry["id"], entry.get("hc", 0)) in runners for entry in change.get("rc", ())
        )


AWAKE = Lull(-math.inf, frozenset())
"""Covers no message."""


def common_lull(lulls: Collection[Lull]) -> Lull:
    """Return the lull that covers what all of several cover."""
    if AWAKE in lulls or not lulls:
        return AWAKE
    return Lull(min(lull.until for lull in lulls), frozenset[Key]().union(*(lull.runners for lull in lulls)))
