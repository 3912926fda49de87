"""Settle orders market by market and take commission, as the exchange does; `worth.py` values the bets."""

import pandas as pd

from tasks.aggregation.cents import HUNDRED, hundredths, share
from tasks.aggregation.commission import Commission

_MARKET = [
    "archive",
    "market_id",
    "settled_time",
    "market_date",
    "venue",
    "country_code",
    "market_type",
    "market_base_rate",
    "discount_allowed",
]


def settle(orders: pd.DataFrame, markets: pd.DataFrame, commission: Commission) -> pd.DataFrame:
    """Settle each variant's orders market by market.

    A bet is a matched order on a runner that ran. A matched order on a removed runner is void: it counts as neither
    bet nor turnover. Commission is `max(gross, 0) × rate` per variant and market, the only amount that has to be
    rounded to the cent: all others are sums of whole cents.

    Args:
        orders: Rows of `orders`, as `worth.value` returns them.
        markets: Rows of the catalogue with a column `archive`, at least those with orders.
        commission: The rate.

    Returns:
        Rows of `results/markets`, by variant in order of settlement time.
    """
    matched = orders["size_matched"] > 0
    void = matched & (orders["runner_status"] == "REMOVED")
    counted = pd.DataFrame(
        {
            "strategy": orders["strategy_name"],
            "market_id": orders["market_id"],
            "orders": 1,
            "bets": (matched & ~void).astype(int),
            "void_bets": void.astype(int),
            "turnover": hundredths(orders["turnover"]),
            "liability": hundredths(orders["liability"]),
            "gross": hundredths(orders["profit"]),
        }
    )
    settled = counted.groupby(["strategy", "market_id"], as_index=False, sort=True).sum()
    settled = settled.merge(markets[_MARKET], on="market_id", how="left", validate="many_to_one")
    rates = pd.Series(
        [
            commission.of(rate, discount_allowed=allowed)
            for rate, allowed in zip(settled["market_base_rate"], settled["discount_allowed"], strict=True)
        ],
        index=settled.index,
        dtype=object,
    )
    settled["base_rate"] = rates.astype(float)
    settled["commission"] = share(settled["gross"].clip(lower=0), rates)
    settled["net"] = settled["gross"] - settled["commission"]
    settled = settled.sort_values(["strategy", "settled_time", "market_id"], ignore_index=True)
    by_variant = settled.groupby("strategy")
    settled["cumulative_gross"] = by_variant["gross"].cumsum()
    settled["cumulative_net"] = by_variant["net"].cumsum()
    money = ["turnover", "liability", "gross", "commission", "net", "cumulative_gross", "cumulative_net"]
    return settled.assign(**{column: settled[column] / HUNDRED for column in money})
