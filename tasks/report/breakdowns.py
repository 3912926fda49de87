"""Break one variant's bets down by venue, day, odds, …, with an interval per cell.

`bets.py` makes each bet's cells and net; `tasks/aggregation/statistics.py` judges the whole variant.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tasks.aggregation.bootstrap import FEWEST, LEVEL

_SUMS = ["bets", "turnover", "gross", "net"]


class Dimension(NamedTuple):
    """A way to divide bets.

    Attributes:
        column: The bets' column whose values are the cells.
        title: Display name.
        meaning: Explanation of the cells.
    """

    column: str
    title: str
    meaning: str


DIMENSIONS = (
    Dimension("in_venue", "Venue", "as the exchange names it"),
    Dimension("in_country", "Country", "ISO code"),
    Dimension("in_state", "State", "of Australian tracks; the region of New Zealand ones"),
    Dimension("on_day", "Day", "of the scheduled off, where the track is"),
    Dimension("at_hour", "Hour", "of the scheduled off, where the track is; UTC where its time zone is not known"),
    Dimension("at_odds", "Odds", "price matched; a band begins with its first price"),
    Dimension("in_box", "Box", "the runner's number: box of a greyhound, cloth of a horse"),
    Dimension("in_market_type", "Market type", "as the exchange names it"),
    Dimension("on_side", "Side", "back or lay"),
    Dimension("at_edge", "Edge", "price / rating − 1 of a back, 1 − price / rating of a lay"),
)


def break_down(bets: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sum the bets of each cell.

    A cell's *bets* are orders matched on runners that ran, *markets* the markets of those bets (one with bets in two
    cells counts in both), *turnover* the matched stakes, *gross* the profit before commission, *net* after the bets'
    shares of it (`bets_of`), *ROI* net / turnover. All but markets and ROI add up to the whole.

    The interval is that of a ratio of sums with races as clusters, since bets of a race are not independent: ROI ±
    t(97.5 %; R − 1) · √(R / (R − 1) · Σ (netᵣ − ROI · turnoverᵣ)²) / turnover over the cell's R races r. (Cameron &
    Miller 2015, "A practitioner's guide to cluster-robust inference".) It needs no draws, so hundreds of cells cost
    nothing; with skewed payoffs it is a little narrow. There is none with fewer than `FEWEST` races won or lost, too
    few to measure their spread.

    Args:
        bets: One variant's, from `bets_of`.
        by: The column of a dimension.

    Returns:
        cell, bets, markets, turnover, gross, net, roi, roi_low, roi_high; in the cells' natural order if they have one,
        else by falling number of bets.
    """
    per_race = bets.assign(bets=1).groupby([by, "race"], observed=True)[_SUMS].sum()
    of_cell = per_race.groupby(level=0, observed=True)
    whole = of_cell[["net", "turnover"]].transform("sum")
    off = per_race["net"] - whole["net"] / whole["turnover"] * per_race["turnover"]
    counted = per_race.assign(races=1, squares=off**2, won=per_race["net"] > 0, lost=per_race["net"] < 0)
    cells = counted.groupby(level=0, observed=True).sum()
    cells["markets"] = bets.groupby(by, observed=True)["market_id"].nunique()
    cells["roi"] = cells["net"] / cells["turnover"]
    told = cells[["won", "lost"]].min(axis=1) >= FEWEST
    half = _half_width(cells).where(told)
    cells["roi_low"], cells["roi_high"] = cells["roi"] - half, cells["roi"] + half
    cells = cells.rename_axis("cell").reset_index()
    if not isinstance(bets[by].dtype, pd.CategoricalDtype):
        cells = cells.sort_values(["bets", "cell"], ascending=[False, True], ignore_index=True)
    return cells[["cell", "bets", "markets", "turnover", "gross", "net", "roi", "roi_low", "roi_high"]]


def _half_width(cells: pd.DataFrame) -> pd.Series:
    races = cells["races"].where(cells["races"] > 1)
    error = np.sqrt(races / (races - 1) * cells["squares"]) / cells["turnover"]
    # Imported late: a run with cached results needs none of SciPy, which ships no types.
    from scipy.special import stdtrit  # type: ignore[import-untyped] # noqa: PLC0415

    half: pd.Series = stdtrit(races - 1, (1 + LEVEL) / 2) * error
    return half
