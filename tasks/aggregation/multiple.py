"""Correct p-values for having tried many variants, from the draws that `bootstrap.py` makes for all of them."""

import numpy as np

from tasks.aggregation.figures import Floats

# Equal statistics from matrices of different shapes differ in their last binary digits.
_TIE = 1e-9


def one_sided(statistic: Floats, draws: Floats) -> Floats:
    """One-sided p-values of "the expected net is 0 or less", each variant alone.

    p = (1 + number of draws with t* ≥ t) / (1 + draws): never 0, since the observation counts as a draw (Davison &
    Hinkley 1997, "Bootstrap methods and their application", 4.2). With 10,000 draws p ≤ 2.5 % exactly when the 95 %
    interval lies above 0.

    Args:
        statistic: t of each variant: net / its standard error.
        draws: t* of each draw (rows) and variant, as `bootstrap` returns.

    Returns:
        p of each variant, in (0, 1].
    """
    return _share(draws, statistic)


def romano_wolf(statistic: Floats, draws: Floats) -> Floats:
    """P-values after the Romano–Wolf step-down, which bound the chance of naming any variant without an edge.

    From the best variant down, p = (1 + number of draws whose largest t* among this and all worse variants is ≥ t) / (1
    + draws), and never below the previous p. The first step is White's reality check, studentised: the p of the best
    variant answers "is the best of so many more than luck?". (White 2000, "A reality check for data snooping"; Romano &
    Wolf 2005, "Stepwise multiple testing as formalized data snooping"; Romano & Wolf 2016, "Efficient computation of
    adjusted p-values for resampling-based stepdown multiple testing".)

    `arch.bootstrap.SPA` and `StepM` do the same on draws of their own, studentised once for all. Here the intervals'
    draws are reused, so that p-values and intervals agree, and each is studentised by its own spread, as skewed payoffs
    need.

    Args:
        statistic: t of each variant.
        draws: t* of each draw (rows) and variant; a row draws the same races for all.

    Returns:
        p of each variant, in (0, 1] and at least its p alone.
    """
    best_first = np.argsort(-statistic, kind="stable")
    largest = np.maximum.accumulate(draws[:, best_first[::-1]], axis=1)[:, ::-1]
    adjusted = np.empty_like(statistic)
    adjusted[best_first] = np.maximum.accumulate(_share(largest, statistic[best_first]))
    return adjusted


def benjamini_hochberg(p: Floats) -> Floats:
    """Q-values: of the variants with q ≤ 5 %, at most 5 % on average are without an edge.

    Weaker than Romano–Wolf's bound, but finds more variants; for choosing what to look at next, not for naming a
    winner. Holds under positive dependence, which variants of one strategy have. (Benjamini & Hochberg 1995.)

    Args:
        p: One-sided p of each variant alone.

    Returns:
        q of each variant, in (0, 1] and at least p.
    """
    # Imported late: it takes a second, which a run with cached results need not wait for.
    from scipy.stats import false_discovery_control  # type: ignore[import-untyped] # noqa: PLC0415 - no types, either

    adjusted: Floats = false_discovery_control(p, method="bh") if p.size else p
    return adjusted


def _share(draws: Floats, statistic: Floats) -> Floats:
    reached = (draws >= statistic - _TIE).sum(axis=0)
    shares: Floats = (1 + reached) / (1 + len(draws))
    return shares
