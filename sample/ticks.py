"""The exchange's price ladder: the only prices at which bets can be offered. A tick is an index into it."""

from bisect import bisect_left, bisect_right

_CENTS = 100
_BANDS = (  # (up to this price, step), both in hundredths: a price of 2.02 is 202
    (200, 1),
    (300, 2),
    (400, 5),
    (600, 10),
    (1000, 20),
    (2000, 50),
    (3000, 100),
    (5000, 200),
    (10000, 500),
    (100000, 1000),
)


def _prices() -> tuple[float, ...]:
    cents = [101]
    for limit, step in _BANDS:
        cents.extend(range(cents[-1] + step, limit + 1, step))
    # The stream writes whole prices without a fraction, so they are kept as integers.
    return tuple(cent // _CENTS if cent % _CENTS == 0 else cent / _CENTS for cent in cents)


PRICES = _prices()
"""Every valid price in decimal odds, from 1.01 to 1000."""

LAST = len(PRICES) - 1
"""The tick of 1000."""


def at_or_below(price: float) -> int:
    """The tick of the highest valid price that is not above a price in decimal odds."""
    return max(0, bisect_right(PRICES, price) - 1)


def at_or_above(price: float) -> int:
    """The tick of the lowest valid price that is not below a price in decimal odds."""
    return min(LAST, bisect_left(PRICES, price))
