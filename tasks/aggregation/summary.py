"""Settled markets to the figures of a day and of a variant: sums of what the markets show.

How a market is settled is in `settlement.py`.
"""

import pandas as pd

_MONEY = ["turnover", "liability", "gross", "commission", "net"]
_COUNTS = ["orders", "markets", "bets", "void_bets"]
_RATIOS = ["roi", "roi_on_liability"]


def by_day(settled: pd.DataFrame) -> pd.DataFrame:
    """Sum each variant's markets by the racing day: that of the scheduled off, where the track is.

    Args:
        settled: Rows of `results/markets`.

    Returns:
        Rows of `results/days`.
    """
    return _sum(settled.rename(columns={"market_date": "date"}), ["strategy", "date"])


def by_variant(settled: pd.DataFrame, variants: pd.DataFrame) -> pd.DataFrame:
    """Sum each variant's markets.

    Args:
        settled: Rows of `results/markets`.
        variants: strategy (its id), name, parameters, replayed of each variant, also of those without an order.

    Returns:
        Rows of `results/summary`, in the order of the variants.
    """
    summed = variants.merge(_sum(settled, ["strategy"]), on="strategy", how="left", validate="one_to_one")
    sums = [*_COUNTS, *_MONEY]
    summed[sums] = summed[sums].fillna(0)
    return summed


def _sum(settled: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    grouped = settled.assign(markets=(settled["bets"] > 0).astype(int)).groupby(keys, as_index=False)
    summed = grouped[[*_COUNTS, *_MONEY]].sum()
    # Each is whole cents; a sum of floats is not. Of −0.00 it makes 0.00.
    summed[_MONEY] = summed[_MONEY].round(2) + 0.0
    for ratio, of in zip(_RATIOS, ("turnover", "liability"), strict=True):
        summed[ratio] = (summed["net"] / summed[of]).where(summed[of] > 0)
    return summed[[*keys, *_COUNTS, *_MONEY, *_RATIOS]]
