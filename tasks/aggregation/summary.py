"""Sum settled markets by day and by variant."""

import pandas as pd

_MONEY = ["turnover", "liability", "gross", "commission", "net"]
_COUNTS = ["orders", "markets", "bets", "void_bets"]
_RATIOS = ["roi", "roi_on_liability"]


def by_day(settled: pd.DataFrame) -> pd.DataFrame:
    """Sum each variant's markets by racing day: the date of the scheduled off in the track's time zone.

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
        variants: `strategy` (its id), `name`, `parameters` and `replayed` of each variant, with or without orders.

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
    # Each is in whole cents; a sum of floats is not. Adding 0.0 turns −0.00 into 0.00.
    summed[_MONEY] = summed[_MONEY].round(2) + 0.0
    for ratio, of in zip(_RATIOS, ("turnover", "liability"), strict=True):
        summed[ratio] = (summed["net"] / summed[of]).where(summed[of] > 0)
    return summed[[*keys, *_COUNTS, *_MONEY, *_RATIOS]]
