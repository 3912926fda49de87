"""Compare how often runners win with their rated chances."""

import numpy as np
import pandas as pd

_MOST_BINS = 10
_LEAST_IN_A_BIN = 30


def calibrate(rated: pd.DataFrame) -> pd.DataFrame:
    """Compare rated chances with results, in bins of equally many runners.

    The interval is Wilson's for a share (Wilson 1927), a little too wide because it treats the runners of a race as
    independent.

    Args:
        rated: rating (decimal odds) and won (whether the runner won); a row per runner that ran.

    Returns:
        A row per bin, by rising chance: runners, chance (mean of 1 / rating), wins (their share), low, high (95 %). At
        most ten bins, each with at least thirty runners unless it is the only one; empty without runners.
    """
    # Imported late: it takes a second, which a run with a cached report need not wait for.
    from scipy.stats import binomtest  # type: ignore[import-untyped] # noqa: PLC0415 - no types, either

    ordered = pd.DataFrame({"chance": 1 / rated["rating"], "won": rated["won"].astype(float)}).sort_values("chance")
    count = len(ordered)
    bins = max(1, min(_MOST_BINS, count // _LEAST_IN_A_BIN))
    binned = ordered.groupby(np.arange(count) * bins // max(count, 1))
    found = pd.DataFrame({"runners": binned.size(), "chance": binned["chance"].mean(), "wins": binned["won"].mean()})
    intervals = [
        binomtest(round(share * runners), runners).proportion_ci(method="wilson")
        for runners, share in zip(found["runners"], found["wins"], strict=True)
    ]
    low, high = zip(*intervals, strict=True) if intervals else ((), ())
    return found.assign(low=low, high=high).reset_index(drop=True)
