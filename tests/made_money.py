"""Rows of orders and of the catalogue for tests of money, filled up with what does not matter there."""

import pandas as pd


def valued(orders: pd.DataFrame) -> pd.DataFrame:
    """Value orders by what they say of themselves: nothing is each way, divided or amended."""
    size = orders["size_matched"].astype(float)
    stands = (size > 0) & (orders["runner_status"] != "REMOVED")
    at_risk = size
    if "side" in orders:
        at_risk = size.where(orders["side"] == "BACK", (size * (orders["price_matched"] - 1)).round(2))
    return orders.assign(turnover=size.where(stands, 0.0), liability=at_risk.where(stands, 0.0))


def described(markets: pd.DataFrame) -> pd.DataFrame:
    """Describe markets as most are: a WIN market that was announced and closed once, whose discounts count."""
    times = markets["market_time"] if "market_time" in markets else markets["settled_time"]
    usual = {
        "market_time": times,
        "digest": "d",
        "market_date": times.dt.date,
        "announced": [[time] for time in times],
        "market_type": "WIN",
        "betting_type": "ODDS",
        "discount_allowed": True,
        "number_of_winners": 1,
        "each_way_divisor": None,
        "amended": False,
        "late_withdrawal": False,
        "late_small_withdrawal": False,
        "withdrawal_corrected": False,
    }
    lacking = {name: value for name, value in usual.items() if name not in markets}
    return markets.assign(**lacking)


def not_withdrawn(runners: pd.DataFrame) -> pd.DataFrame:
    """Describe runners of whom none was withdrawn with an adjustment factor."""
    never = pd.Series(pd.NaT, index=runners.index, dtype="datetime64[ms, UTC]")
    return runners.assign(adjustment_factor=float("nan"), withdrawn_at=never)
