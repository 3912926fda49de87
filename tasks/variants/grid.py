"""The combinations of a sweep; the strategy validates names and values."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any


def combine(grid: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the Cartesian product of the parameters' values.

    Args:
        grid: Values by parameter.

    Returns:
        Each combination once, in the order given; the last parameter varies fastest.
    """
    # Distinct by repr: a list has no hash, and 1 is neither the text "1" nor True.
    values = product(*({repr(value): value for value in values}.values() for values in grid.values()))
    return [dict(zip(grid, combination, strict=True)) for combination in values]
