"""Settled orders of a replay as rows of the `orders` dataset."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from flumine import BaseStrategy
from flumine.controls.loggingcontrols import LoggingControl
from flumine.events.events import BaseEvent
from flumine.order.order import BaseOrder

from tasks.simulation.framework import Simulation

Row = dict[str, Any]


class OrderLog(LoggingControl):  # type: ignore[misc]  # flumine ships no types
    """Flumine's logging control that keeps every order of each market when it is cleared.

    Attributes:
        failure: A strategy whose orders cannot be written down, and why; flumine would only log it.
    """

    NAME = "ORDER_LOG"

    def __init__(self, simulation: Simulation, window: str) -> None:
        super().__init__()
        self._simulation, self._window = simulation, window
        self._rows: defaultdict[BaseStrategy, dict[str, list[Row]]] = defaultdict(dict)
        self.failure: tuple[BaseStrategy, Exception] | None = None

    def end(self) -> None:
        """End its thread, which flumine leaves running where a strategy raised at the start or the finish."""
        self.logging_queue.put(None)
        if self.is_alive():
            self.join()

    def rows(self, strategy: BaseStrategy) -> list[Row]:
        """Give a strategy's orders.

        Args:
            strategy: One of the simulation's.

        Returns:
            Rows of `orders`, by market in the order of replay, then in the order of placing.
        """
        return [row for rows in self._rows[strategy].values() for row in rows]

    def _process_cleared_orders_meta(self, event: BaseEvent) -> None:
        orders = sorted(event.event, key=lambda order: order.trade.strategy.name)
        for strategy, placed in groupby(orders, key=lambda order: order.trade.strategy):
            try:
                rows = list(self._describe(list(placed)))
                # A market that is settled again is cleared again; what was said last stands.
                self._rows[strategy][rows[0]["market_id"]] = rows
            except Exception as error:  # noqa: BLE001 - raised again where the replay ends; flumine would swallow it
                self.failure = strategy, error

    def _describe(self, orders: list[BaseOrder]) -> Iterator[Row]:
        market_id = orders[0].market_id
        book = self._simulation.markets.markets[market_id].market_book
        bsp = {(runner.selection_id, runner.handicap): runner.sp.actual_sp for runner in book.runners}
        trades: dict[str, int] = {}
        for number, order in enumerate(orders, start=1):
            trade_number = trades.setdefault(order.trade.id, len(trades) + 1)
            matched = order.simulated.matched
            yield {
                # Flumine draws its ids from the clock and from all variants of a replay; these are the same every time.
                "bet_id": f"{market_id}-{number}",
                "strategy_name": order.trade.strategy.name,
                "market_id": market_id,
                "selection_id": order.selection_id,
                "trade_id": f"{market_id}-{trade_number}",
                "date_time_placed": order.responses.date_time_placed,
                "price": getattr(order.order_type, "price", None),
                "price_matched": float(order.average_price_matched),
                "size": float(getattr(order.order_type, "size", None) or order.order_type.liability),
                "size_matched": float(order.size_matched),
                "profit": float(order.profit),
                "side": order.side,
                "elapsed_seconds_executable": order.elapsed_seconds_executable,
                "order_status": order.status.value,
                "market_note": order.trade.market_notes,
                "trade_notes": order.trade.notes_str,
                "order_notes": order.notes_str,
                "handicap": float(order.handicap),
                "customer_order_ref": f"{order.trade.strategy.name_hash}-{market_id[2:]}-{number}",
                "customer_strategy_ref": str(order.trade.strategy)[:15],
                "bsp": _price(bsp.get((order.selection_id, order.handicap))),
                "runner_status": order.runner_status,
                "matched_at": datetime.fromtimestamp(matched[-1][0] / 1000, tz=UTC) if matched else None,
                "window": self._window,
            }


def _price(value: float | str | None) -> float | None:
    return None if value in (None, "NaN", "Infinity") else float(value)
