"""Money in whole cents, as integers; all rounding of money happens here."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

Cents = npt.NDArray[np.int64]

HUNDRED = 100
"""Cents per unit of currency; also hundredths per unit of odds, as flumine rounds average prices to two decimals."""


def hundredths(amounts: pd.Series) -> Cents:
    """Convert floats of two decimals, currency or odds, to whole hundredths, exactly."""
    whole: Cents = np.rint(amounts.to_numpy(dtype=float) * HUNDRED).astype(np.int64)
    return whole


def round_half_up(numerator: Cents, denominator: Cents | int) -> Cents:
    """Divide and round to the nearest integer, halves away from 0: `ROUND_HALF_UP` of Python's decimal module.

    That the exchange rounds halves this way is an assumption; its public rules do not say.

    Args:
        numerator: Integers.
        denominator: Integers above 0.
    """
    halves = 2 * np.abs(numerator) + denominator
    rounded: Cents = np.where(numerator < 0, -1, 1) * np.floor_divide(halves, np.multiply(denominator, 2))
    return rounded


def share(cents: pd.Series, rates: pd.Series) -> pd.Series:
    """Multiply each amount by its rate, rounded half up to whole cents.

    Args:
        cents: Whole cents.
        rates: Fractions, as `Decimal`.
    """
    pairs = zip(cents, rates, strict=True)
    taken = [int((Decimal(amount) * rate).to_integral_value(ROUND_HALF_UP)) for amount, rate in pairs]
    return pd.Series(taken, index=cents.index, dtype="int64")
