"""How finely a figure is written that draws have made."""

from math import ceil, log10, sqrt

from tasks.aggregation.bootstrap import DRAWS


def as_fine_as(noise: float, value: float, *, decimals: int = 2, sign: str = "") -> str:
    """Write a figure no finer than its Monte Carlo error: `−150`, where that is 2.7.

    Args:
        noise: Its Monte Carlo standard error; 0 where it has none.
        value: The figure.
        decimals: The most that are written.
        sign: `+` writes a sign before every figure but 0.

    Returns:
        Thousands apart, with a real minus.
    """
    places = decimals if noise <= 0 else min(decimals, -ceil(log10(noise)))
    rounded = round(value, places) or 0.0
    return f"{rounded:{sign if rounded else ''},.{max(places, 0)}f}".replace("-", "−")


def noise_of_chance(p: float) -> float:
    """Return how far a p-value may lie off: the standard error of a share of draws.

    Args:
        p: The p-value.

    Returns:
        Its Monte Carlo standard error.
    """
    return sqrt(p * (1 - p) / DRAWS)
