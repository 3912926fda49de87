"""What one replay is about: sessions of markets, and the variants that lack orders there.

The replay itself is `replay.py`'s business, where its orders lie that of `files.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake
from tasks.orders.limits import NO_LIMITS, Limits
from tasks.orders.session import Ratings, Session
from tasks.variants.variant import Variant


@dataclass(frozen=True)
class ReplayJob:
    """What a worker needs to know to replay some sessions.

    Attributes:
        lake: Where messages come from and orders go.
        sessions: In the order in which they are replayed, all of the same month.
        variants: All with the same window, session and settings.
        ratings: Of these markets, by the model's name.
        market_types: The types that are compressed together, as in `WindowsFile`.
        limits: What the replay may take; it decides nothing of the output.
    """

    lake: Lake
    sessions: tuple[Session, ...]
    variants: tuple[Variant, ...]
    ratings: Mapping[str, Ratings]
    market_types: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS

    @property
    def month(self) -> str:
        """The sessions' month: where their orders lie."""
        return self.sessions[0].month

    @property
    def title(self) -> str:
        """Where its first market is from, for what is said of it."""
        first = self.sessions[0].markets[0]
        return f"chunk {first.chunk} of {first.archive}"

    @property
    def market_ids(self) -> tuple[str, ...]:
        """The markets of all its sessions."""
        return tuple(market_id for session in self.sessions for market_id in session.market_ids)

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """By ratings' model, each session's key: with the variant's fingerprint, what decides a variant's orders."""
        models = {variant.ratings for variant in self.variants}
        return {
            model: tuple(session.key(self.ratings.get(model, {})) for session in self.sessions)
            for model in sorted(models)
        }

    @cached_property
    def fingerprint(self) -> str:
        """What decides the orders of all its variants, as far as it is known before the replay."""
        return fingerprint(
            "simulate",
            version=1,
            variants=sorted((variant.fingerprint, variant.ratings) for variant in self.variants),
            keys=self.keys,
        )
