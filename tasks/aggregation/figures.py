"""Descriptive figures of one variant: what its bets did, each figure defined here and nowhere else.

Nothing of chance: intervals and p-values are in `bootstrap.py` and `multiple.py`. A bet is an order that was matched on
a runner that ran; void bets count for nothing in any figure.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

_DAY = np.timedelta64(1, "D")
# Sums of nets that are equal on paper differ in their last binary digits.
_DECIMALS = 6
_FEWEST_CLUSTERS = 2


def find_bets(orders: pd.DataFrame) -> pd.DataFrame:
    """Select the bets that stood: matched, on runners that were not removed.

    Args:
        orders: Rows of `orders`.

    Returns:
        Those that are bets.
    """
    return orders[(orders["size_matched"] > 0) & (orders["runner_status"] != "REMOVED")]


def strike_rate(profit: Floats) -> float:
    """Share of the bets that won: bets with profit > 0 / bets, before commission.

    A lay wins when its runner does not. The rate of break-even of a bet at odds o is 1/o for a back, 1 − 1/o for a lay:
    a strike rate means nothing without the average odds beside it.

    Args:
        profit: Of each bet, the account's currency.

    Returns:
        A fraction; NaN without bets.
    """
    return float((profit > 0).mean()) if profit.size else np.nan


def average_odds(price: Floats, stake: Floats) -> float:
    """Average odds matched, weighted by turnover: Σ stake × price / Σ stake.

    Weighted, because it is then a figure of the money and not of the way it was cut into bets: a stake that is matched
    in two orders counts as it does in one, and turnover × average odds is what the turnover of backs would return if
    all of them won. A plain mean over bets would let a two-unit bet at 50 hide a thousand units at 2. It is the
    exchange's own "average price matched", taken over orders.

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
        depth: From the peak to the trough, the account's currency; never negative.
        days: From the peak to the first return to its height, or to the curve's end where there is none.
    """

    depth: float
    days: float


def drawdown(net: Floats, settled: npt.NDArray[np.datetime64]) -> Drawdown:
    """Maximum drawdown of the net equity: max over t of (max over s ≤ t of equity(s)) − equity(t).

    The curve begins at 0, so that a variant which never was ahead has fallen from there; that beginning has no time of
    its own and takes the first settlement's. Of two falls of one depth the first is meant. (Magdon-Ismail & Atiya 2004,
    "Maximum drawdown".)

    Args:
        net: After commission, of each market, in order of settlement; the account's currency.
        settled: When each market was settled.

    Returns:
        Depth and length; 0 and 0 where the curve never falls.
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
    """Most bets in a row that lost, profit < 0; any bet that did not lose ends the run.

    Args:
        profit: Of each bet, in order of settlement, and of placing within a market.

    Returns:
        A number of bets.
    """
    others = np.flatnonzero(np.concatenate([[True], profit >= 0, [True]]))
    return int(np.diff(others).max()) - 1


class ClosingValue(NamedTuple):
    """How a variant's prices compare with the starting prices.

    Attributes:
        bets: Bets on runners that have a starting price; the other figures are of these.
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

    Of a bet, c = price / BSP − 1 for a back and 1 − price / BSP for a lay; CLV = Σ stake × c / Σ stake.

    If 1 / BSP were the runner's true probability, a back would be worth stake × (price / BSP − 1) and a lay stake × (1
    − price / BSP): the expected profit of all bets is Σ stake × c, which is CLV × turnover. What was won beyond it is
    luck, or an edge over the starting price itself. 1 / BSP is taken as it is, not scaled to add up to one in its
    market: BSP is where backers' and layers' money balances, with no margin put on; what the sum differs from one by is
    the noise of single runners, and sharing it out would move the prices of those that were right. It is before
    commission, as CLV is, because commission is taken of a market's winnings and would need the joint chances of its
    runners.

    The standard error takes the bets of a race as one observation, since their prices move together: with E(g) the sum
    of stake × (c − CLV) over race g, √(G / (G − 1) × Σ E(g)²) / Σ stake. (Cameron & Miller 2015, "A practitioner's
    guide to cluster-robust inference", for a ratio of sums.)

    Args:
        side: BACK or LAY, of each bet.
        price: Average price matched, decimal odds.
        stake: Matched stake, the account's currency.
        bsp: The runner's starting price, decimal odds; NaN where it has none.
        race: The race's number; see `bootstrap.number_races`.

    Returns:
        The figures.
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
