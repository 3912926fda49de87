"""Flumine's market, which says when orders may have changed, and how long it is to the start without detours."""

from typing import Any

from flumine import config
from flumine.execution.transaction import Transaction

from tasks.simulation.refusals import NotedMarket


class LeanMarket(NotedMarket):
    """A market of a `LeanSimulation`.

    Attributes:
        matched_at: Its version, and the middleware's `touches`, when its orders were last matched.
    """

    matched_at: tuple[int, int] | None = None

    def transaction(self, *args: Any, **named: Any) -> Transaction:  # noqa: ANN401 - as flumine has it
        """Begin a transaction, by which orders of any market may change."""
        self.flumine.touch()
        return super().transaction(*args, **named)

    @property
    def seconds_to_start(self) -> float:
        """Seconds to the scheduled off; negative after it."""
        return float((self.market_book.market_definition.market_time - config.current_time).total_seconds())
