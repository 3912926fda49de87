"""Where commission is taken: orders to markets, as the exchange settles them."""

from typing import NamedTuple

import pandas as pd

from tasks.errors import BalanceError, InputError

_MARKET = ["archive", "market_id", "settled_time", "venue", "country_code", "market_type", "market_base_rate"]


class Commission(NamedTuple):
    """The rate of commission.

    Attributes:
        rate: As a fraction (0.07), for every market; None takes each market's own base rate, less the discount.
        discount_rate: The account's discount on base rates, per cent; a fixed rate is what it is.
    """

    rate: float | None = None
    discount_rate: float = 0


def settle(orders: pd.DataFrame, markets: pd.DataFrame, commission: Commission) -> pd.DataFrame:
    """Settle each variant's orders market by market.

    A bet is an order that was matched on a runner that ran. One on a runner that was removed is void: it counts as
    neither bet nor turnover. Commission is `max(gross, 0) × rate` of a variant in a market.

    Args:
        orders: Rows of `orders`.
        markets: Rows of the catalogue with a column `archive`, at least those that were bet on.
        commission: The rate.

    Returns:
        Rows of `results/markets`, by variant in order of settlement time.

    Raises:
        BalanceError: An order's market is not among the markets.
        InputError: A market has no base rate, and no fixed rate was given.
    """
    known = markets.set_index("market_id", drop=False)
    strangers = set(orders["market_id"]) - set(known.index)
    if strangers:
        raise BalanceError(f"{len(strangers)} markets have orders but are not in the catalogue: {min(strangers)}, …")
    matched = orders["size_matched"] > 0
    void = matched & (orders["runner_status"] == "REMOVED")
    bet = matched & ~void
    counted = pd.DataFrame(
        {
            "strategy": orders["strategy_name"],
            "market_id": orders["market_id"],
            "orders": 1,
            "bets": bet.astype(int),
            "void_bets": void.astype(int),
            "turnover": orders["size_matched"].where(bet, 0.0),
            "gross": orders["profit"].where(matched, 0.0),
        }
    )
    settled = counted.groupby(["strategy", "market_id"], as_index=False, sort=True).sum()
    # Stakes and profits are whole cents; sums of floats are not.
    settled[["turnover", "gross"]] = settled[["turnover", "gross"]].round(2)
    settled = settled.merge(known[_MARKET].reset_index(drop=True), on="market_id", validate="many_to_one")
    settled["base_rate"] = _rates(settled, commission)
    settled["commission"] = settled["gross"].clip(lower=0) * settled["base_rate"]
    settled["net"] = settled["gross"] - settled["commission"]
    settled = settled.sort_values(["strategy", "settled_time", "market_id"], ignore_index=True)
    by_variant = settled.groupby("strategy")
    settled["cumulative_gross"] = by_variant["gross"].cumsum()
    settled["cumulative_net"] = by_variant["net"].cumsum()
    return settled


def _rates(settled: pd.DataFrame, commission: Commission) -> pd.Series:
    if commission.rate is not None:
        return pd.Series(commission.rate, index=settled.index)
    without = settled.loc[settled["market_base_rate"].isna(), "market_id"]
    if not without.empty:
        raise InputError(f"{without.nunique()} markets have no base rate ({without.iloc[0]}, …); give --commission")
    return settled["market_base_rate"] / 100 * (1 - commission.discount_rate / 100)
