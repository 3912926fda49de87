"""Time to create a strategy's instances, compared with the time to replay them; each session has its own instance."""

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import NamedTuple

from tasks.variants.variant import Variant

# In total; a shorter wait is not worth a notice.
_LEAST_SECONDS = 1.0
# For each instance; one whose constructor does nothing takes a millisecond.
_LEAST_SECONDS_EACH = 0.005


class Took(NamedTuple):
    """Seconds that one variant took.

    Attributes:
        making: To create and start its instances.
        replaying: Its share of the replay itself.
        instances: How many were created.
    """

    making: float = 0.0
    replaying: float = 0.0
    instances: int = 0

    def plus(self, other: "Took") -> "Took":
        """Return the sum with another replay of the same variant."""
        return Took(self.making + other.making, self.replaying + other.replaying, self.instances + other.instances)


class InstanceTimes:
    """Sums over a run; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._took: dict[str, Took] = {}

    def add(self, took: Mapping[str, Took]) -> None:
        """Add the times of a replay, by variant id."""
        with self._lock:
            for variant_id, more in took.items():
                self._took[variant_id] = self._took.get(variant_id, Took()).plus(more)

    def sentences(self, variants: Iterable[Variant]) -> Iterator[str]:
        """Yield a sentence for each strategy whose instances took longer to create than to replay."""
        by_name: dict[str, Took] = {}
        for variant in variants:
            by_name[variant.name] = by_name.get(variant.name, Took()).plus(self._took.get(variant.id, Took()))
        for name, (making, replaying, instances) in by_name.items():
            if making > max(replaying, _LEAST_SECONDS, _LEAST_SECONDS_EACH * instances):
                yield (
                    f"{name}: to make and start its instances took {making:.1f} s, to replay them {replaying:.1f} s; "
                    "each session has one of its own: read files at the top of the module, or take a longer --session"
                )
