"""The combinations of a sweep; what a parameter is, and which values it takes, is the strategy's business."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any


def combine(grid: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Combine each value of each parameter with those of all others.

    Args:
        grid: Names of parameters and the values that each takes; a parameter with one value is the same throughout.

    Returns:
        Each combination once, in the order given: the values of the last parameter change first.
    """
    # By how they are written: a list has no hash, and 1 is not the text "1", nor True.
    values = product(*({repr(value): value for value in values}.values() for values in grid.values()))
    return [dict(zip(grid, combination, strict=True)) for combination in values]
