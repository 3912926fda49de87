"""How sure a net is: intervals and t statistics from races drawn again, the same races for every variant of a run.

Which variants are told apart from luck once many were tried is in `multiple.py`; what is said in words in
`statistics.py`.
"""

from collections.abc import Sequence
from math import ceil
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy ships no types

from tasks.aggregation.figures import Floats
from tasks.aggregation.races import Races, number_races, seed_of

Counts = npt.NDArray[np.int64]

DRAWS = 10_000

LEVEL = 0.95
"""Of every interval, two-sided."""

FEWEST = 5
"""Races in which a bet must have won, and in which one must have lost, before anything is said about chance."""

_POWER = 0.8
_TAIL = (1 - LEVEL) / 2
# Bounds what a chunk of draws holds: 16 MB for each array of so many numbers, a handful of which live at once.
_CELLS = 2_000_000
# A draw of one value over and over has a spread of rounding errors alone.
_NO_SPREAD = 1e-12
_DECIMALS = 9


class RaceSums(NamedTuple):
    """What variants made in each race; what chance has to do with it is drawn from this.

    Attributes:
        net: Races × variants, the account's currency; NaN in a race of which a variant has rejects alone.
        turnover: Likewise.
        seed: Decides the draws.
    """

    net: Floats
    turnover: Floats
    seed: int


def sum_races(races: Races, variants: Sequence[str]) -> RaceSums:
    """Sum settled markets by race and variant.

    Every race of the run has a row, also those without a bet, which are 0. They are what the run looked at:
    how often a variant finds a bet is as much chance as how the bet ends, and only rows that all variants share can be
    drawn for all of them at once. To a variant whose expected net is 0 they make no difference. A market that is a
    reject of a variant is not one without a bet: nobody knows what it made there.

    Args:
        races: What was bet, and which markets were selected.
        variants: In the order of the columns.

    Returns:
        The sums.
    """
    markets = races.replayed(variants)
    numbers = number_races(markets)
    settled = races.settled[races.settled["strategy"].isin(variants)]
    rows = numbers.loc[settled["market_id"]].to_numpy()
    columns = pd.Index(list(variants)).get_indexer(pd.Index(settled["strategy"]))
    replayed = np.ones((numbers.nunique(), len(variants)), dtype=bool)
    for column, variant in enumerate(variants):
        if rejected := races.rejected.get(variant):
            replayed[:, column] = False
            replayed[numbers[~numbers.index.isin(rejected)], column] = True

    def summed(figure: str) -> Floats:
        sums = np.zeros(replayed.shape)
        np.add.at(sums, (rows, columns), settled[figure].to_numpy())
        return np.where(replayed, sums, np.nan)

    return RaceSums(summed("net"), summed("turnover"), seed_of(markets, numbers))


def can_tell(won: Counts, lost: Counts) -> npt.NDArray[np.bool_]:
    """Return which variants have won and lost often enough to speak of chance.

    A bootstrap knows only the results that it saw: of ten outsiders that all lost it makes a certain loss. Five of
    either kind is the rule of thumb for a proportion (n·p ≥ 5 and n·(1 − p) ≥ 5), here in races, as bets of a race are
    not independent.

    Args:
        won: Races in which a bet won, of each variant.
        lost: Races in which a bet lost; a race may count as both.

    Returns:
        One a variant.
    """
    return np.minimum(won, lost) >= FEWEST


class Bootstrap(NamedTuple):
    """What was drawn, and what follows for each variant.

    Attributes:
        nets: Net of each draw (rows) and variant, the account's currency.
        statistic: t of each variant: net / its standard error.
        draws: t* of each draw and variant: (net* − net) / the draw's own standard error; nowhere nearer to 0 than
            Student's t.
        net_interval: Low and high (rows) of the expected net of each variant, the account's currency.
        roi_interval: Low and high of net / turnover.
        net_noise: How far an end of the interval may lie off, because the draws are so many and no more: its Monte
            Carlo standard error, the larger one of both ends.
        roi_noise: The same of net / turnover.
    """

    nets: Floats
    statistic: Floats
    draws: Floats
    net_interval: Floats
    roi_interval: Floats
    net_noise: Floats
    roi_noise: Floats


def bootstrap(net: Floats, turnover: Floats, seed: int, draws: int = DRAWS) -> Bootstrap:
    """Draw races with replacement, as many as there are, and study how far nets and ROIs stray.

    The intervals are studentised (bootstrap-t): with t* = (net* − net) / se* and its quantiles q, from net − q(97.5 %)
    × se to net − q(2.5 %) × se. ROI is the same with the standard error of a ratio, √Σ(net − ROI × turnover)² / Σ
    turnover. (Efron & Tibshirani 1993, "An introduction to the bootstrap", 12.5; Davison & Hinkley 1997, "Bootstrap
    methods and their application", 5.2.) No quantile of t* is let nearer to 0 than Student's: in its order, each t* is
    moved out to Student's quantile of that rank.

    This was chosen by measuring, on generated runs of 20 to 300 races with known chances; `make calibrate` measures
    what was chosen. Percentile, basic and BCa intervals cover too little for backs or lays alone, whose payoffs are
    skewed: in 82 to 93 of 100 runs of 33 or 60 races, where 95 is meant. Bootstrap-t mends that, but is too narrow
    where few races have long tails to both sides, 89 of 100, for the longest are those not seen yet. Student's t is
    right there, and as wrong as the others where payoffs are skewed. The wider of the two comes within 93 to 97 nearly
    everywhere.

    Args:
        net: Races × variants, the account's currency; of variants that `can_tell` and whose races differ. In a race
            where it is NaN a variant was not replayed: it strays there in no draw, and has so many races less.
        turnover: Likewise.
        seed: Decides the draws, which do not depend on the variants.
        draws: How many.

    Returns:
        The draws and the intervals.
    """
    replayed = ~np.isnan(net)
    races = replayed.sum(axis=0)
    net, turnover = np.nan_to_num(net), np.nan_to_num(turnover)
    total, staked = net.sum(axis=0), turnover.sum(axis=0)
    roi = total / staked
    centred, residual = np.where(replayed, net - total / races, 0), net - roi * turnover
    unbiased = races / (races - 1)
    error = np.sqrt(unbiased * (centred**2).sum(axis=0))
    roi_error = np.sqrt(unbiased * (residual**2).sum(axis=0)) / staked
    columns = np.hstack([centred, centred**2, turnover, residual, residual**2, residual * turnover, turnover**2])
    strayed, net_t, roi_t = (np.empty((draws, net.shape[1])) for _ in range(3))
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // max(columns.shape))
    for start in range(0, draws, step):
        chunk = slice(start, min(start + step, draws))
        sums = _counts(rng, chunk.stop - start, len(net)) @ columns
        away, squares, stake, left, left_squares, left_stake, stake_squares = np.hsplit(sums, 7)
        strayed[chunk] = away
        net_t[chunk] = _studentise(away, unbiased * (squares - away**2 / races), error)
        # A draw without any bet has no ROI; it is counted as one that did not stray.
        shift = np.divide(left, stake, out=np.zeros_like(left), where=stake > 0)
        spread = unbiased * (left_squares - 2 * shift * left_stake + shift**2 * stake_squares)
        roi_t[chunk] = _studentise(left, spread, roi_error * staked)
    net_t, roi_t = _widen(net_t, races), _widen(roi_t, races)
    return Bootstrap(
        nets=total + strayed,
        statistic=total / error,
        draws=net_t,
        net_interval=total - error * _quantiles(net_t),
        roi_interval=roi - roi_error * _quantiles(roi_t),
        net_noise=error * _noise(net_t),
        roi_noise=roi_error * _noise(roi_t),
    )


def bets_to_tell(statistic: float, bets: int) -> int:
    """How many more bets it takes to tell a net from 0, if the variant goes on as it did.

    t grows with the square root of the bets. A two-sided test at 5 % finds an effect with 80 % power once t reaches
    z(97.5 %) + z(80 %) = 2.80, so n more bets: bets × ((2.80 / t)² − 1). (The sample size of a one-sample test of a
    mean, as in Cohen 1988, "Statistical power analysis", 2.4.) With the 1.96 at which the present interval would just
    leave out 0 the answer would come out wrong every other time.

    Args:
        statistic: t of the variant: net / its standard error. Not 0, of which no number of bets would tell.
        bets: It has made so far.

    Returns:
        A number of bets, at least 1.
    """
    needed = NormalDist().inv_cdf(1 - _TAIL) + NormalDist().inv_cdf(_POWER)
    return max(1, ceil(bets * ((needed / statistic) ** 2 - 1)))


def _counts(rng: np.random.Generator, draws: int, races: int) -> Floats:
    """How often each race is in each draw."""
    picked = rng.integers(races, size=(draws, races)) + races * np.arange(draws)[:, np.newaxis]
    return np.bincount(picked.ravel(), minlength=draws * races).reshape(draws, races).astype(float)


def _studentise(strayed: Floats, variance: Floats, error: Floats) -> Floats:
    spread = variance > _NO_SPREAD * error**2
    without = np.where(strayed == 0, 0.0, np.copysign(np.inf, strayed))
    return np.divide(strayed, np.sqrt(variance, where=spread, out=np.ones_like(variance)), out=without, where=spread)


def _widen(t: Floats, races: Counts) -> Floats:
    """Each column no nearer to 0, at any rank, than Student's t of so many races."""
    ranks = np.arange(1, len(t) + 1)[:, np.newaxis]
    # Nearly always all have the same number.
    several, which = np.unique(races, return_inverse=True)
    least = stdtrit(several - 1, ranks / (len(t) + 1))
    if len(several) > 1:
        least = least[:, which]
    # Rounded, as draws that are equal on paper shall keep one order in every variant.
    order = t.round(_DECIMALS).argsort(axis=0, kind="stable")
    ordered = np.take_along_axis(t, order, axis=0)
    wide = np.where(least > 0, np.maximum(ordered, least), np.minimum(ordered, least))
    widened = np.empty_like(t)
    np.put_along_axis(widened, order, wide, axis=0)
    return widened


def _quantiles(t: Floats) -> Floats:
    """The upper and the lower quantile of each column, as draws: p ≤ 2.5 % is then where the interval is above 0."""
    upper = np.quantile(t, 1 - _TAIL, axis=0, method="higher")
    return np.array([upper, np.quantile(t, _TAIL, axis=0, method="lower")])


def _noise(t: Floats) -> Floats:
    """The Monte Carlo standard error of the quantiles, the larger one of both, of each column.

    How many of n draws lie below a quantile is binomial, so that one standard error of it is √(n p (1 − p)) ranks to
    either side. (David & Nagaraja 2003, "Order statistics", 7.1.)
    """
    ordered, last = np.sort(t, axis=0), len(t) - 1
    ranks = ceil(np.sqrt(len(t) * _TAIL * (1 - _TAIL)))
    places = (round(_TAIL * last), round((1 - _TAIL) * last))
    ends = [(ordered[min(at + ranks, last)] - ordered[max(at - ranks, 0)]) / 2 for at in places]
    noise: Floats = np.maximum(*ends)
    return noise
