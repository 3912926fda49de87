"""How long instances of a strategy take to be made, beside how long they are replayed: each session has its own."""

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import NamedTuple

from tasks.variants.variant import Variant

# In all; for less nobody waits.
_LEAST_SECONDS = 1.0
# Of an instance; one whose constructor does nothing takes a millisecond.
_LEAST_SECONDS_EACH = 0.005


class Took(NamedTuple):
    """Seconds that one variant took.

    Attributes:
        making: To make and start its instances.
        replaying: Its share of the replay itself.
        instances: How many were made.
    """

    making: float = 0.0
    replaying: float = 0.0
    instances: int = 0

    def plus(self, other: "Took") -> "Took":
        """Add those of another replay.

        Args:
            other: Of the same variant.

        Returns:
            The sum.
        """
        return Took(self.making + other.making, self.replaying + other.replaying, self.instances + other.instances)


class InstanceTimes:
    """Sums of a run, to which several threads add."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._lock = Lock()
        self._took: dict[str, Took] = {}

    def add(self, took: Mapping[str, Took]) -> None:
        """Add what a replay took.

        Args:
            took: By variant id.
        """
        with self._lock:
            for variant_id, more in took.items():
                self._took[variant_id] = self._took.get(variant_id, Took()).plus(more)

    def sentences(self, variants: Iterable[Variant]) -> Iterator[str]:
        """Name the strategies whose instances took longer to make than to replay.

        Args:
            variants: The run's.

        Yields:
            A sentence a strategy.
        """
        by_name: dict[str, Took] = {}
        for variant in variants:
            by_name[variant.name] = by_name.get(variant.name, Took()).plus(self._took.get(variant.id, Took()))
        for name, (making, replaying, instances) in by_name.items():
            if making > max(replaying, _LEAST_SECONDS, _LEAST_SECONDS_EACH * instances):
                yield (
                    f"{name}: to make and start its instances took {making:.1f} s, to replay them {replaying:.1f} s; "
                    "each session has one of its own: read files at the top of the module, or take a longer --session"
                )
