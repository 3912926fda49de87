"""Format numbers and names for people: a true minus sign, thousands separators, a dash for a missing value."""

from collections import Counter
from datetime import date

import pandas as pd

from tasks.aggregation.precision import as_fine_as, noise_of_chance
from tasks.report.parameters import read_parameters, tell_apart

NOTHING = "–"
MINUS = "−"


def count(value: float | None) -> str:
    """Format a whole number: `1,234`."""
    return _write(value, ",.0f")


def money(value: float | None) -> str:
    """Format an amount without sign, such as a cost or a volume: `1,234.50`."""
    return _write(value, ",.2f")


def signed(value: float | None) -> str:
    """Format a profit or loss: `+12.30`, `−7.46`; without sign if it rounds to zero."""
    return _write(value, "+,.2f")


def percent(value: float | None) -> str:
    """Format a fraction as a signed percentage: `−8.1%`."""
    return _write(value, "+.1%")


def share(value: float | None) -> str:
    """Format a non-negative fraction as a percentage: `8.1%`."""
    return _write(value, ".1%")


def tenth(value: float | None) -> str:
    """Format a number of days: `3.2`."""
    return _write(value, ",.1f")


def chance(value: float | None) -> str:
    """Format a p-value from draws, no finer than its noise: `0.03`, `< 0.001`."""
    smallest = 0.001
    if value is None or _is_nothing(value):
        return NOTHING
    return f"< {smallest}" if value < smallest else as_fine_as(noise_of_chance(value), value, decimals=3)


def span_of_money(low: float | None, high: float | None, noise: float = 0) -> str:
    """Format an interval of amounts, no finer than its noise: `−80 to +12`."""
    if low is None or high is None or _is_nothing(low) or _is_nothing(high):
        return NOTHING
    return " to ".join(as_fine_as(noise, end, sign="+") for end in (low, high))


def interval(low: float | None, high: float | None, noise: float | None = 0) -> str:
    """Format an interval of fractions, no finer than its noise: `−12% to +4%`."""
    if low is None or high is None or _is_nothing(low) or _is_nothing(high):
        return NOTHING
    error = 0 if noise is None or _is_nothing(noise) else 100 * noise
    return " to ".join(f"{as_fine_as(error, 100 * end, decimals=1, sign='+')}%" for end in (low, high))


def span(first: date, last: date) -> str:
    """Format a span of days: `1 March 2022`, `1 March to 3 April 2022`."""
    end = f"{last.day} {last:%B %Y}"
    if first == last:
        return end
    return f"{first.day} {first:%B}{'' if first.year == last.year else f' {first.year}'} to {end}"


def name_variants(summary: pd.DataFrame) -> dict[str, str]:
    """Name variants by what distinguishes them.

    Args:
        summary: Rows of `results/summary`.

    Returns:
        By variant id, the strategy's name and the parameters in which its variants differ; the id itself if that is not
        unique.
    """
    names: dict[str, str] = {}
    for name, rows in summary.groupby("name"):
        values = read_parameters(rows["parameters"])
        told = [f"{name}"] * len(rows)
        for parameter in values:
            of_variants = [(value,) for value in values[parameter]]
            said = tell_apart(of_variants)
            if len(said) > 1:
                told = [f"{one} · {parameter} {said[value]}" for one, value in zip(told, of_variants, strict=True)]
        names.update(zip(rows["strategy"], told, strict=True))
    uses = Counter(names.values())
    return {strategy: names[strategy] if uses[names[strategy]] == 1 else strategy for strategy in summary["strategy"]}


def _write(value: float | None, form: str) -> str:
    if _is_nothing(value):
        return NOTHING
    text = format(value, form)
    if not text.strip("+-0.,%"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def _is_nothing(value: float | None) -> bool:
    return value is None or bool(pd.isna(value))
