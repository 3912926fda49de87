"""Settled markets to the figures of a day and of a variant, in whole cents.

How a market is settled is in `settlement.py`.
"""

import pandas as pd

_SUMS = ["orders", "bets", "void_bets", "turnover", "gross", "commission", "net"]
_MONEY = ["turnover", "gross", "commission", "net"]
_COLUMNS = ["orders", "markets", "bets", "void_bets", "turnover", "gross", "commission", "net", "roi"]


def by_day(settled: pd.DataFrame) -> pd.DataFrame:
    """Sum each variant's markets by the day of their settlement.

    Args:
        settled: Rows of `results/markets`.

    Returns:
        Rows of `results/days`.
    """
    return _sum(settled.assign(date=settled["settled_time"].dt.date), ["strategy", "date"])


def by_variant(settled: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Sum each variant's markets.

    Args:
        settled: Rows of `results/markets`.
        variants: strategy (its id), name, parameters, replayed of each variant, also of those without an order.

    Returns:
        Rows of `results/summary`, in the order of the variants.
    """
    summed = variants.merge(_sum(settled, ["strategy"]), on="strategy", how="left", validate="one_to_one")
    counts = [column for column in _COLUMNS if column != "roi"]
    summed[counts] = summed[counts].fillna(0)
    return summed


def _sum(settled: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = settled.assign(markets=(settled["bets"] > 0).astype(int)).groupby(keys, as_index=False)
    summed = grouped[[*_SUMS, "markets"]].sum()
    summed["roi"] = (summed["net"] / summed["turnover"]).where(summed["turnover"] > 0)
    summed[_MONEY] = summed[_MONEY].round(2)
    return summed[[*keys, *_COLUMNS]]
