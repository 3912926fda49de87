"""Format variants' parameters for people so that different values never look alike."""

import json
from collections.abc import Iterable

import pandas as pd

from tasks.foreign_text import visible

Value = tuple[str, ...]
"""A variant's values of one or several parameters, each as JSON; empty if not set."""

_DEFAULT = "default"


def read_parameters(variants: Iterable[str]) -> pd.DataFrame:
    """Read parameters, each value as JSON: 1, 1.0, true and "1" are four values.

    Args:
        variants: Column `parameters` of `results/summary`.

    Returns:
        A row per variant, a column per parameter of any; empty if not set, so that the strategy takes its default.
    """
    return pd.DataFrame(
        {key: json.dumps(value, sort_keys=True) for key, value in json.loads(text).items()} for text in variants
    ).fillna("")


def find_varied(values: pd.DataFrame) -> list[str]:
    """Return the names of the parameters that vary, from `read_parameters`; the one with the most values first."""
    counts = {str(key): values[key].nunique() for key in values}
    return sorted((key for key, count in counts.items() if count > 1), key=lambda key: (-counts[key], key))


def tell_apart(values: Iterable[Value]) -> dict[Value, str]:
    """Format values briefly, or in full if two would look alike.

    Args:
        values: May repeat.

    Returns:
        A unique text by value; numbers first, by size, then words.
    """
    distinct = sorted(set(values), key=lambda each: [_rank(text) for text in each])
    brief = [" · ".join(map(_write, each)) for each in distinct]
    if len(set(brief)) < len(distinct):
        brief = [" · ".join(text or _DEFAULT for text in each) for each in distinct]
    return dict(zip(distinct, brief, strict=True))


def _write(text: str) -> str:
    if not text:
        return _DEFAULT
    value = json.loads(text)
    return f"{value:g}" if isinstance(value, float) else " ".join(visible(str(value)).split()) or text


def _rank(text: str) -> tuple[bool, float, str]:
    value = json.loads(text) if text else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return False, value, text
    return True, 0, text
