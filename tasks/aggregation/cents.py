"""Money in whole cents: integers, rounded in one way and in this place alone."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

Cents = npt.NDArray[np.int64]

HUNDRED = 100
"""Cents in a unit of currency; hundredths in one of odds, which flumine rounds its average prices to."""


def hundredths(amounts: pd.Series) -> Cents:
    """Read amounts of two decimals as whole numbers.

    Args:
        amounts: Of currency or odds, as floats.

    Returns:
        A hundred times as much, exactly.
    """
    whole: Cents = np.rint(amounts.to_numpy(dtype=float) * HUNDRED).astype(np.int64)
    return whole


def round_half_up(numerator: Cents, denominator: Cents | int) -> Cents:
    """Divide, and round to the nearest whole number, halves away from 0: `ROUND_HALF_UP` of Python's decimal module.

    That the exchange rounds halves so is an assumption; its public rules do not say.

    Args:
        numerator: Whole numbers.
        denominator: Whole numbers above 0.

    Returns:
        Whole numbers.
    """
    halves = 2 * np.abs(numerator) + denominator
    rounded: Cents = np.where(numerator < 0, -1, 1) * np.floor_divide(halves, np.multiply(denominator, 2))
    return rounded


def share(cents: pd.Series, rates: pd.Series) -> pd.Series:
    """Take a rate of each amount, rounded once.

    Args:
        cents: Whole cents.
        rates: A fraction each, as `Decimal`.

    Returns:
        Whole cents.
    """
    pairs = zip(cents, rates, strict=True)
    taken = [int((Decimal(amount) * rate).to_integral_value(ROUND_HALF_UP)) for amount, rate in pairs]
    return pd.Series(taken, index=cents.index, dtype="int64")
