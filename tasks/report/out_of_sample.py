"""The report's table and plot of variants before and after each split day.

`tasks/aggregation/split.py` ranks and judges the variants.
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
    """Variants before and after a day.

    Attributes:
        begins: The second part's first day.
        reach: The second part's period, in words.
        variants: Name and rows of `results/split` before and after; by rank before.
        unlisted: Number of further variants.
    """

    begins: date
    reach: str
    variants: list[Pair]
    unlisted: int


def find_sides(split: pd.DataFrame, names: Mapping[str, str]) -> list[Sides]:
    """Pair the rows of `results/split` before and after each day.

    Args:
        split: Rows of `results/split`.
        names: Display names by variant id.
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
    """Plot variants' ROI after a day against that before.

    Args:
        split: Rows of `results/split`.
        variants: Looks of the variants to draw.

    Returns:
        The plot; None if none of them has bets on both sides.
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
    """Say how many of all variants, drawn or not, had a profit on both sides."""
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
