"""Out of sample as the report shows it: each day's two sides beside each other, as a table and as a plot.

How variants are ranked and judged is in `tasks/aggregation/split.py`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from tasks.aggregation.split import FIRST, SECOND
from tasks.aggregation.words import plural
from tasks.report.drawing import Look, Plot, axis, diagonal, layout, of_variant, pack

_MOST_LISTED = 10


class Sides(NamedTuple):
    """The two sides of a day.

    Attributes:
        begins: The second side's first day.
        variants: Name, row of `results/split` before the day, and row from then on; by rank before.
        unlisted: How many more there are.
    """

    begins: date
    variants: list[tuple[str, dict[str, Any], dict[str, Any]]]
    unlisted: int


def find_sides(split: pd.DataFrame, names: Mapping[str, str]) -> list[Sides]:
    """Put the two sides of each day beside each other.

    Args:
        split: Rows of `results/split`.
        names: Variant id to name.

    Returns:
        One a day.
    """
    return [
        Sides(
            begins,
            [(names[strategy], before, after) for strategy, before, after in pairs[:_MOST_LISTED]],
            len(pairs[_MOST_LISTED:]),
        )
        for begins, pairs in _pairs(split).items()
    ]


def plot_split(split: pd.DataFrame, variants: Mapping[str, Look]) -> Plot | None:
    """Plot each variant's ROI before a day against that from then on.

    Args:
        split: Rows of `results/split`.
        variants: Their looks.

    Returns:
        The plot; None where no variant has bets on both sides.
    """
    points = [
        (strategy, before, after)
        for pairs in _pairs(split).values()
        for strategy, before, after in pairs
        if strategy in variants and pd.notna(before["roi"]) and pd.notna(after["roi"])
    ]
    if not points:
        return None
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
                "%{x:+.1%} before, %{y:+.1%} from then on<extra>%{fullData.name}</extra>",
            }
            for strategy, before, after in points
        ),
    ]
    kept = sum(after["net"] > 0 for _, before, after in points if before["net"] > 0)
    good = sum(before["net"] > 0 for _, before, _ in points)
    axes = (axis(f"ROI on stake, {side}", tickformat=".0%") for side in ("before", "from then on"))
    return Plot(
        "split",
        "Before and after",
        "Each variant's ROI on stake before the day, and from then on; a star was the best before. An edge lies along "
        "the line; luck leaves no trace from left to right.",
        f"Scatter plot of ROI before and after. Of {plural(good, 'variant')} with a profit before, {kept} kept it.",
        {"data": data, "layout": layout(*axes)},
    )


def _pairs(split: pd.DataFrame) -> dict[date, list[tuple[str, dict[str, Any], dict[str, Any]]]]:
    rows = [{str(name): value for name, value in row.items()} for row in split.to_dict("records")]
    after = {(row["begins"], row["strategy"]): row for row in rows if row["part"] == SECOND}
    pairs: dict[date, list[tuple[str, dict[str, Any], dict[str, Any]]]] = {}
    for row in rows:
        if row["part"] == FIRST:
            strategy = row["strategy"]
            pairs.setdefault(row["begins"], []).append((strategy, row, after[row["begins"], strategy]))
    return pairs
