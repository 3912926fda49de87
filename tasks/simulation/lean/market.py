"""Flumine's market, which also records when orders may have changed, and computes `seconds_to_start` directly."""

from typing import Any

from flumine import config
from flumine.execution.transaction import Transaction

from tasks.simulation.refusals import NotedMarket


class LeanMarket(NotedMarket):
    """A market of a `LeanSimulation`.

    Attributes:
        matched_at: The book's version and the middleware's `touches` when the market's orders were last matched.
    """

    matched_at: tuple[int, int] | None = None

    def transaction(self, *args: Any, **named: Any) -> Transaction:  # noqa: ANN401 - flumine's signature
        """Begin a transaction, which may change orders of any market."""
        self.flumine.touch()
        return super().transaction(*args, **named)

    @property
    def seconds_to_start(self) -> float:
        """Seconds to the scheduled off; negative after it."""
        return float((self.market_book.market_definition.market_time - config.current_time).total_seconds())
