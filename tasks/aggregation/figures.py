"""Descriptive figures of one variant's bets, each defined here only.

Intervals and p-values are in `bootstrap.py` and `multiple.py`. A bet is a matched order on a runner that ran; no figure
counts void bets.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_DAY = np.timedelta64(1, "D")
# Sums of nets that are mathematically equal differ in their last binary digits.
_DECIMALS = 6
_FEWEST_CLUSTERS = 2


def find_bets(orders: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of `orders` that are bets: matched, on runners that were not removed."""
    return orders[(orders["size_matched"] > 0) & (orders["runner_status"] != "REMOVED")]


def strike_rate(profit: Floats) -> float:
    """Share of bets that won: bets with profit > 0 / bets, before commission.

    A lay wins when its runner does not. The break-even rate at odds o is 1/o for a back, 1 − 1/o for a lay, so a strike
    rate means nothing without the average odds.

    Args:
        profit: Of each bet, the account's currency.

    Returns:
        A fraction; NaN without bets.
    """
    return float((profit > 0).mean()) if profit.size else np.nan


def average_odds(price: Floats, stake: Floats) -> float:
    """Average odds matched, weighted by turnover: Σ stake × price / Σ stake.

    Weighted, so that it does not depend on how the money was divided into bets: a stake matched in two orders counts as
    in one, and turnover × average odds is what backs would return if all won. A plain mean over bets would let a
    two-unit bet at 50 hide a thousand units at 2. It is the exchange's own "average price matched", over orders.

    Args:
        price: Average price matched of each bet, decimal odds.
        stake: Matched stake of each bet, the account's currency.

    Returns:
        Decimal odds; NaN without bets.
    """
    return float(price @ stake / stake.sum()) if stake.size else np.nan


class Drawdown(NamedTuple):
    """The deepest fall of an equity curve.

    Attributes:
        depth: From peak to trough, the account's currency; never negative.
        days: From the peak to the first return to its height, or else to the curve's end.
    """

    depth: float
    days: float


def drawdown(net: Floats, settled: npt.NDArray[np.datetime64]) -> Drawdown:
    """Maximum drawdown of the net equity: max over t of (max over s ≤ t of equity(s)) − equity(t).

    The curve begins at 0, at the time of the first settlement, so that a variant that was never ahead falls from there.
    Of falls of equal depth the first counts. (Magdon-Ismail & Atiya 2004, "Maximum drawdown".)

    Args:
        net: Each market's, after commission, in order of settlement; the account's currency.
        settled: Each market's settlement time.

    Returns:
        Depth and length; both 0 if the curve never falls.
    """
    equity = np.concatenate([[0.0], net.cumsum()]).round(_DECIMALS)
    moments = np.concatenate([settled[:1], settled])
    peak = np.maximum.accumulate(equity)
    trough = int((peak - equity).argmax())
    depth = float(peak[trough] - equity[trough])
    if depth == 0:
        return Drawdown(0.0, 0.0)
    at_peak = np.flatnonzero(equity[:trough] == peak[trough])
    recovered = np.flatnonzero(equity[trough:] >= peak[trough])
    end = trough + recovered[0] if recovered.size else len(equity) - 1
    return Drawdown(depth, float((moments[end] - moments[at_peak[-1]]) / _DAY))


def longest_losing_run(profit: Floats) -> int:
    """Most bets in a row with profit < 0; any other bet ends the run.

    Args:
        profit: Of each bet, in order of settlement, and of placing within a market.
    """
    others = np.flatnonzero(np.concatenate([[True], profit >= 0, [True]]))
    return int(np.diff(others).max()) - 1


class ClosingValue(NamedTuple):
    """A comparison of a variant's prices with the starting prices.

    Attributes:
        bets: Number of bets on runners with a starting price; the other figures are of these.
        clv: Closing line value, a fraction of turnover; NaN without such bets.
        standard_error: Of `clv`; NaN with bets in fewer than two races.
        expected_gross: Expected profit at BSP before commission, the account's currency; NaN without such bets.
    """

    bets: int
    clv: float
    standard_error: float
    expected_gross: float


def closing_value(
    side: npt.NDArray[np.str_], price: Floats, stake: Floats, bsp: Floats, race: npt.NDArray[np.intp]
) -> ClosingValue:
    """Closing line value against BSP, its standard error, and the expected profit at BSP.

    For each bet, c = price / BSP − 1 for a back and 1 − price / BSP for a lay; CLV = Σ stake × c / Σ stake.

    If 1 / BSP were the runner's true probability, a back would be worth stake × (price / BSP − 1) and a lay stake × (1
    − price / BSP): the expected profit of all bets is Σ stake × c, which is CLV × turnover. Profit beyond it is luck or
    an edge over the starting price itself. 1 / BSP is not scaled to add up to one in its market: BSP balances backers'
    and layers' money without a margin, so the sum's difference from one is noise of single runners, and spreading it
    would move the prices of those that were right. It is before commission, like CLV, because commission is on a
    market's winnings and would need the joint chances of its runners.

    The standard error treats the bets of a race as one observation, since their prices move together: with E(g) the sum
    of stake × (c − CLV) over race g, √(G / (G − 1) × Σ E(g)²) / Σ stake. (Cameron & Miller 2015, "A practitioner's
    guide to cluster-robust inference", for a ratio of sums.)

    Args:
        side: BACK or LAY.
        price: Average price matched, decimal odds.
        stake: Matched stake, the account's currency.
        bsp: The runner's starting price, decimal odds; NaN if it has none.
        race: The race's number; see `races.number_races`.
    """
    known = ~np.isnan(bsp)
    if not known.any():
        return ClosingValue(0, np.nan, np.nan, np.nan)
    stake, race = stake[known], race[known]
    gain = np.where(side[known] == "BACK", 1.0, -1.0) * (price[known] / bsp[known] - 1)
    turnover, expected = float(stake.sum()), float(stake @ gain)
    clv = expected / turnover
    _, cluster = np.unique(race, return_inverse=True)
    residuals = np.bincount(cluster, stake * (gain - clv))
    error = np.nan
    if (clusters := residuals.size) >= _FEWEST_CLUSTERS:
        error = float(np.sqrt(clusters / (clusters - 1) * residuals @ residuals) / turnover)
    return ClosingValue(int(known.sum()), clv, error, expected)
