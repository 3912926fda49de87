"""A variant's orders in one market, as flumine leaves them, as rows of the `orders` dataset."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flumine.markets.market import Market
from flumine.utils import STRATEGY_NAME_HASH_LENGTH, create_cheap_hash

from tasks.simulation.lean import actual_sps

if TYPE_CHECKING:
    from flumine.order.order import BaseOrder

Row = dict[str, Any]


def describe_orders(market: Market, variant_id: str, window: str) -> Iterator[Row]:
    """Yield a row of `orders` for each order of a market whose replay has ended, in the order of placing.

    Args:
        market: With its last book.
        variant_id: Written as `strategy_name`, whatever the strategy calls itself.
        window: The part of the market that was replayed.
    """
    bsp = actual_sps(market.market_book)
    # Not the strategy's own, which two variants may share.
    name_hash = create_cheap_hash(variant_id, STRATEGY_NAME_HASH_LENGTH)
    trades: dict[str, int] = {}
    orders: list[BaseOrder] = list(market.blotter)
    for number, order in enumerate(orders, start=1):
        trade_number = trades.setdefault(order.trade.id, len(trades) + 1)
        matched = order.simulated.matched
        yield {
            # Flumine derives its ids from the clock; these are reproducible.
            "bet_id": f"{market.market_id}-{number}",
            "strategy_name": variant_id,
            "market_id": market.market_id,
            "selection_id": order.selection_id,
            "trade_id": f"{market.market_id}-{trade_number}",
            "date_time_placed": order.responses.date_time_placed,
            "price": getattr(order.order_type, "price", None),
            "price_matched": float(order.average_price_matched),
            "size": float(getattr(order.order_type, "size", None) or order.order_type.liability),
            "size_matched": float(order.size_matched),
            "value_matched": round(
                sum(round(float(size), 2) * round(float(price), 2) for _, price, size in matched), 4
            ),
            "size_cancelled": float(order.size_cancelled),
            "size_lapsed": float(order.size_lapsed),
            "size_voided": float(order.size_voided),
            "profit": float(order.profit),
            "side": order.side,
            "order_type": order.order_type.ORDER_TYPE.name,
            "elapsed_seconds_executable": order.elapsed_seconds_executable,
            "order_status": order.status.value,
            "market_note": order.trade.market_notes,
            "trade_notes": order.trade.notes_str,
            "order_notes": order.notes_str,
            "handicap": float(order.handicap),
            "customer_order_ref": f"{name_hash}-{market.market_id[2:]}-{number}",
            "customer_strategy_ref": variant_id[:15],
            "bsp": _price(bsp.get((order.selection_id, order.handicap))),
            "runner_status": order.runner_status,
            "matched_at": datetime.fromtimestamp(matched[-1][0] / 1000, tz=UTC) if matched else None,
            "window": window,
        }


def _price(value: float | str | None) -> float | None:
    return None if value in (None, "NaN", "Infinity") else float(value)
