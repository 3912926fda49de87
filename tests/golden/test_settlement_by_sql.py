"""Made markets settled by SQL with decimals that shares no line with the code."""

import random
from decimal import ROUND_HALF_EVEN, Decimal

import duckdb
import pandas as pd
import pytest
from made_money import described, not_withdrawn
from settled_by_sql import ACCOUNT, SUMMARY, in_cents, ratios

from tasks.aggregation.account import on_one_account
from tasks.aggregation.commission import Commission
from tasks.aggregation.settlement import settle
from tasks.aggregation.summary import by_variant
from tasks.aggregation.worth import AMENDED, DEAD_HEAT, value

PLACED = pd.Timestamp("2026-01-01 19:50", tz="UTC")

KINDS = [
    {"market_type": "WIN"},
    {"market_type": "WIN", "number_of_winners": 2},
    {"market_type": "PLACE", "number_of_winners": 3},
    {"market_type": "EACH_WAY", "number_of_winners": 3, "each_way_divisor": 4.0},
    {"market_type": "EACH_WAY", "number_of_winners": 2, "each_way_divisor": 5.0},
]
STATUSES = {
    "WIN": [["WINNER"], ["WINNER", "WINNER"], ["WINNER", "REMOVED"], ["WINNER", "WINNER", "WINNER", "REMOVED"]],
    "PLACE": [["WINNER", "WINNER", "WINNER"], ["WINNER", "WINNER", "REMOVED"]],
    "EACH_WAY": [["WINNER", "PLACED"], ["WINNER", "REMOVED"]],
}


def made_markets(number: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Markets of every kind that can be settled, with bets on both sides by two variants; and flumine's profits."""
    dice = random.Random(number)  # noqa: S311 - bets, not secrets
    markets, runners, orders = [], [], []
    for place in range(number):
        market_id, kind = f"1.{200_000_000 + place}", dice.choice(KINDS)
        rate = dice.choice([2.0, 5.0, 6.5, 7.0, 10.0])
        opened = pd.Timestamp("2026-01-01 20:00", tz="UTC") + pd.Timedelta(minutes=place)
        base = {"number_of_winners": 1, "each_way_divisor": None, **kind}
        allowed = dice.random() < 0.7
        won = dice.choice(STATUSES[kind["market_type"]])
        statuses = [*won, *["LOSER"] * (6 - len(won))]
        amended = place % 10 == 0
        markets.append(
            {"market_id": market_id, "settled_time": opened, "market_base_rate": rate, "discount_allowed": allowed}
            | {"amended": amended}
            | base
        )
        # Flumine settles by the first closing; here by one in which the runners came in the other order.
        first = statuses[::-1] if amended else statuses
        runners += [
            {"market_id": market_id, "selection_id": n, "handicap": 0.0, "status": status}
            for n, status in enumerate(statuses)
        ]
        bets = range(dice.randrange(1, 7))
        orders.extend(made_order(dice, f"{market_id}-{count}", market_id, base, first) for count in bets)
    frame = described(pd.DataFrame(markets)).assign(event_id="7", venue=None, country_code=None, archive="made")
    return pd.DataFrame(orders), frame, not_withdrawn(pd.DataFrame(runners))


def made_order(dice, bet_id, market_id, market, statuses):
    selection, side = dice.randrange(6), dice.choice(["BACK", "LAY"])
    size = Decimal(dice.choice([0, dice.randrange(1, 5000), dice.randrange(1, 5000)])) / 100
    price = Decimal(dice.randrange(101, 3000)) / 100
    back = by_flumine(size, price, statuses[selection], statuses.count("WINNER"), market)
    return {
        "bet_id": bet_id,
        "strategy_name": dice.choice(["a", "b"]),
        "market_id": market_id,
        "selection_id": selection,
        "handicap": 0.0,
        "side": side,
        "price": float(price),
        "date_time_placed": PLACED,
        "order_type": "LIMIT",
        "size_matched": float(size),
        "value_matched": float(size * price),
        "size_voided": 0.0,
        "price_matched": float(price),
        "profit": float(back if side == "BACK" else -back),
        "runner_status": statuses[selection],
    }


def by_flumine(size, price, status, winners, market):
    """What flumine says that a back made; it knows of dead heats for one place to win alone."""
    divisor = Decimal(market["each_way_divisor"] or 1)
    heats = winners if market["market_type"] == "WIN" and winners > market["number_of_winners"] == 1 else 1
    each_way = market["market_type"] == "EACH_WAY"
    worth = {
        "WINNER": size * (price - 1) * (1 + 1 / divisor) if each_way else size * price / heats - size,
        "PLACED": size * (price - 1) / divisor - size,
        "LOSER": -size * (2 if each_way else 1),
        "REMOVED": Decimal(),
    }[status]
    return worth.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@pytest.mark.parametrize("discount", [0, 20])
def test_500_made_markets_to_the_cent(discount):
    orders, markets, runners = made_markets(500)
    valued = value(orders, markets, runners)
    assert not valued.rejects
    assert set(valued.differences["rule"]) == {AMENDED, DEAD_HEAT}
    settled = settle(valued.orders, markets, Commission(discount_rate=discount))
    ours = by_variant(settled, pd.DataFrame({"strategy": ["a", "b"]}))
    unread = valued.orders.assign(bsp=float("nan"), date_time_placed=markets["settled_time"].iloc[0])
    together = on_one_account(unread, markets, {}, ["a", "b"], Commission(discount_rate=discount)).summary
    with duckdb.connect() as connection:
        for name, frame in (("orders", orders), ("markets", markets.drop(columns="announced")), ("runners", runners)):
            connection.register(name, frame)
        found, found_together = (
            connection.sql(query.format(discount=discount)).df().to_dict("records") for query in (SUMMARY, ACCOUNT)
        )
    assert in_cents(found) == in_cents(ours.to_dict("records"))
    by_sql, by_us = ratios(found), ratios(ours.to_dict("records"))
    assert {name: pytest.approx(both) for name, both in by_sql.items()} == by_us
    assert in_cents(found_together) == in_cents(together.to_dict("records"))
    assert 0 < found_together[0]["commission"] < sum(row["commission"] for row in found)
