"""Round bootstrap figures to their Monte Carlo precision."""

from math import ceil, log10, sqrt

from tasks.aggregation.bootstrap import DRAWS


def as_fine_as(noise: float, value: float, *, decimals: int = 2, sign: str = "") -> str:
    """Format a figure no finer than its Monte Carlo error: `−150` with an error of 2.7.

    Args:
        noise: Its Monte Carlo standard error; 0 if it has none.
        value: The figure.
        decimals: Maximum number.
        sign: `+` puts a sign before every figure except 0.

    Returns:
        With thousands separators and a true minus sign.
    """
    places = decimals if noise <= 0 else min(decimals, -ceil(log10(noise)))
    rounded = round(value, places) or 0.0
    return f"{rounded:{sign if rounded else ''},.{max(places, 0)}f}".replace("-", "−")


def noise_of_chance(p: float) -> float:
    """Return a p-value's Monte Carlo standard error: that of a share of draws."""
    return sqrt(p * (1 - p) / DRAWS)
