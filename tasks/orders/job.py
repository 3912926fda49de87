"""The job of one replay: sessions of markets, and the variants that lack orders in them."""

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
    """The replay of some sessions, as a worker process receives it.

    Attributes:
        lake: Source of messages and destination of orders.
        sessions: In replay order, all of the same month.
        variants: All with the same window, session and settings.
        ratings: Of these markets, by the model's name.
        limits: On time and memory; they do not affect the output.
    """

    lake: Lake
    sessions: tuple[Session, ...]
    variants: tuple[Variant, ...]
    ratings: Mapping[str, Ratings]
    limits: Limits = NO_LIMITS

    @property
    def month(self) -> str:
        """The sessions' month, which is their orders' partition."""
        return self.sessions[0].month

    @property
    def title(self) -> str:
        """The first market's chunk, for messages."""
        first = self.sessions[0].markets[0]
        return f"chunk {first.chunk} of {first.archive}"

    @property
    def market_ids(self) -> tuple[str, ...]:
        """The markets of all its sessions."""
        return tuple(market_id for session in self.sessions for market_id in session.market_ids)

    @cached_property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """By ratings model, each session's key; with the variant's fingerprint, it determines the variant's orders."""
        models = {variant.ratings for variant in self.variants}
        return {
            model: tuple(session.key(self.ratings.get(model, {})) for session in self.sessions)
            for model in sorted(models)
        }

    @cached_property
    def fingerprint(self) -> str:
        """Of everything the orders depend on, as far as it is known before the replay."""
        return fingerprint(
            "simulate",
            version=1,
            variants=sorted((variant.fingerprint, variant.ratings) for variant in self.variants),
            keys=self.keys,
        )
