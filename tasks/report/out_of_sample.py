"""Out of sample as the report shows it: each day's two sides beside each other, as a table and as a plot.

How variants are ranked and judged is in `tasks/aggregation/split.py`.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from tasks.aggregation.split import FIRST, IN_MONTH, SECOND, say_reach
from tasks.aggregation.words import plural
from tasks.report.drawing import Look, Plot, axis, diagonal, layout, of_variant, pack

Pair = tuple[str, dict[str, Any], dict[str, Any]]

_MOST_LISTED = 10


class Sides(NamedTuple):
    """The two sides of a day.

    Attributes:
        begins: The second side's first day.
        reach: How far the second side reaches, in words.
        variants: Name, row of `results/split` before the day, and row of the second side; by rank before.
        unlisted: How many more there are.
    """

    begins: date
    reach: str
    variants: list[Pair]
    unlisted: int


def find_sides(split: pd.DataFrame, names: Mapping[str, str]) -> list[Sides]:
    """Put the two sides of each day beside each other.

    Args:
        split: Rows of `results/split`.
        names: Variant id to name.

    Returns:
        One a day.
    """
    reach = say_reach(split["part"])
    return [
        Sides(
            begins,
            reach,
            [(names[strategy], before, after) for strategy, before, after in pairs[:_MOST_LISTED]],
            len(pairs[_MOST_LISTED:]),
        )
        for begins, pairs in _pairs(split).items()
    ]


def plot_split(split: pd.DataFrame, variants: Mapping[str, Look]) -> Plot | None:
    """Plot variants' ROI before a day against that of the second side.

    Args:
        split: Rows of `results/split`.
        variants: Looks of those that are drawn.

    Returns:
        The plot; None where none of them has bets on both sides.
    """
    pairs = [pair for of_day in _pairs(split).values() for pair in of_day]
    points = [
        (strategy, before, after)
        for strategy, before, after in pairs
        if strategy in variants and pd.notna(before["roi"]) and pd.notna(after["roi"])
    ]
    if not points:
        return None
    reach = say_reach(split["part"])
    ends = [row["roi"] for _, *sides in points for row in sides]
    data = [
        diagonal(min(ends), max(ends)),
        *(
            {
                "type": "scatter",
                "mode": "markers",
                **of_variant(strategy, variants[strategy]),
                "visible": True,
                **pack(x=[before["roi"]], y=[after["roi"]]),
                "marker": {
                    "color": variants[strategy].colour,
                    "size": 13 if before["rank"] == 1 else 8,
                    "symbol": "star" if before["rank"] == 1 else "circle",
                },
                "hovertemplate": f"number {before['rank']} before {before['begins']}<br>"
                f"%{{x:+.1%}} before, %{{y:+.1%}} {reach}<extra>%{{fullData.name}}</extra>",
            }
            for strategy, before, after in points
        ),
    ]
    axes = (axis(f"ROI on stake, {side}", tickformat=".0%") for side in ("before", reach))
    each = "a point for each variant and month" if reach == IN_MONTH else "a point for each variant"
    return Plot(
        "split",
        "Before and after",
        f"ROI on stake before, and {reach}: {each} of those drawn that bet on both sides; a star was the best before. "
        "An edge lies along the line; luck leaves no trace from left to right.",
        f"Scatter plot of ROI before and after. {_say_kept(pairs, reach)}",
        {"data": data, "layout": layout(*axes)},
    )


def _say_kept(pairs: Iterable[Pair], reach: str) -> str:
    """Tell how many of all variants, drawn or not, had a profit on both sides."""
    good = [after["net"] > 0 for _, before, after in pairs if before["net"] > 0]
    if reach == IN_MONTH:
        times = plural(len(good), "time")
        return f"Of {times} that a variant had a profit before a month, it had one in that month {sum(good):,} times."
    return f"Of {plural(len(good), 'variant')} with a profit before, {sum(good):,} had one {reach}."


def _pairs(split: pd.DataFrame) -> dict[date, list[Pair]]:
    rows = [{str(name): value for name, value in row.items()} for row in split.to_dict("records")]
    after = {(row["begins"], row["strategy"]): row for row in rows if row["part"] == SECOND}
    pairs: dict[date, list[Pair]] = {}
    for row in rows:
        if row["part"] == FIRST:
            strategy = row["strategy"]
            pairs.setdefault(row["begins"], []).append((strategy, row, after[row["begins"], strategy]))
    return pairs
