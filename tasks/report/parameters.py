"""Variants' parameters as a person tells them apart: two values never look alike, however near they are."""

import json
from collections.abc import Iterable

import pandas as pd

from tasks.foreign_text import visible

Value = tuple[str, ...]
"""Values of one parameter, or of several together, each as JSON; empty where a variant was given none."""

_DEFAULT = "default"


def read_parameters(variants: Iterable[str]) -> pd.DataFrame:
    """Read parameters, each value as JSON: 1, 1.0, true and "1" are four.

    Args:
        variants: Column `parameters` of `results/summary`.

    Returns:
        A row a variant, a column a parameter that any has; empty text where a variant was given none, and so has what
        its strategy takes then.
    """
    return pd.DataFrame(
        {key: json.dumps(value, sort_keys=True) for key, value in json.loads(text).items()} for text in variants
    ).fillna("")


def find_varied(values: pd.DataFrame) -> list[str]:
    """Find the parameters that vary.

    Args:
        values: From `read_parameters`.

    Returns:
        Their names, that with the most values first.
    """
    counts = {str(key): values[key].nunique() for key in values}
    return sorted((key for key, count in counts.items() if count > 1), key=lambda key: (-counts[key], key))


def tell_apart(values: Iterable[Value]) -> dict[Value, str]:
    """Write values briefly, or, where two would look alike, in full.

    Args:
        values: Any number of times each.

    Returns:
        Value to text, no two texts alike; numbers by size and before words.
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
