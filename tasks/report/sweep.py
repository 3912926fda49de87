"""The picture of a sweep: what came of each value of one parameter, or of each pair of values of two."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from tasks.aggregation.words import plural
from tasks.report.drawing import COLOURS, Floats, Plot, axis, layout, plain
from tasks.report.words import percent, signed

_LOSS_TO_GAIN = [[0, "#b35806"], [0.5, "#e8e8e8"], [1, "#2166ac"]]
_SIDES = 2


def plot_sweep(summary: pd.DataFrame, statistics: pd.DataFrame) -> Plot | None:
    """Plot the return of a sweep: over the parameter that varies, or the two that take the most values.

    Args:
        summary: Rows of `results/summary`.
        statistics: Rows of `results/statistics`; empty where a run has none.

    Returns:
        The plot; None where no strategy has a parameter that varies.
    """
    if summary.empty:
        return None
    name = summary["name"].value_counts().index[0]
    swept = summary[summary["name"] == name]
    parameters = [json.loads(text) for text in swept["parameters"]]
    values = {key: _values_in_order(variant.get(key) for variant in parameters) for key in parameters[0]}
    varied = sorted((key for key in values if len(values[key]) > 1), key=lambda key: (-len(values[key]), key))
    if not varied:
        return None
    if len(varied) < _SIDES:
        known = statistics.set_index("strategy")[["roi_low", "roi_high"]].reindex(swept["strategy"])
        rows = swept.assign(
            value=[_text(variant.get(varied[0])) for variant in parameters],
            roi_low=known["roi_low"].to_numpy(),
            roi_high=known["roi_high"].to_numpy(),
        )
        return _plot_values(rows.set_index("value").loc[values[varied[0]]], varied[0])
    return _plot_pairs(swept, parameters, values, varied)


def _plot_values(rows: pd.DataFrame, parameter: str) -> Plot | None:
    """Plot the variants' ROI and interval, a value of the parameter each."""
    if rows["roi"].isna().all():
        return None
    roi = rows["roi"].to_numpy(dtype=float)
    above, below = rows["roi_high"].to_numpy(dtype=float) - roi, roi - rows["roi_low"].to_numpy(dtype=float)
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [plain(value) for value in rows.index],
        "y": _or_none(roi),
        "customdata": [signed(value) for value in rows["net"]],
        "marker": {"color": COLOURS[0], "size": 9},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": _or_none(above),
            "arrayminus": _or_none(below),
            "color": COLOURS[0],
            "thickness": 1.4,
            "width": 0,
        },
        "hovertemplate": "%{x}: ROI %{y:+.1%}, net %{customdata}<extra></extra>",
    }
    best = rows.index[int(np.nanargmax(roi))]
    return Plot(
        "sweep",
        "The sweep",
        f"ROI on stake by {parameter}, with 95 % intervals; where they overlap, luck can be the difference.",
        f"ROI on stake by {parameter}. The best: {best}.",
        {"data": [dots], "layout": layout(axis(parameter, type="category"), axis("ROI on stake", tickformat=".0%"))},
    )


def _or_none(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _plot_pairs(
    swept: pd.DataFrame, parameters: list[dict[str, Any]], values: dict[str, list[str]], varied: list[str]
) -> Plot | None:
    """Plot the mean ROI of each pair of values of the first two parameters that vary."""
    across, up = varied[:_SIDES]
    placed = swept.assign(
        across=[_text(variant.get(across)) for variant in parameters],
        up=[_text(variant.get(up)) for variant in parameters],
    )
    roi, net = (
        placed.pivot_table(index="up", columns="across", values=figure, aggfunc="mean", dropna=False).reindex(
            index=values[up], columns=values[across]
        )
        for figure in ("roi", "net")
    )
    if roi.isna().all(axis=None):
        return None
    figures = roi.to_numpy(dtype=float)
    most = float(np.nanmax(np.abs(figures)))
    row, column = np.unravel_index(np.nanargmax(figures), figures.shape)
    heat = {
        "type": "heatmap",
        "x": [plain(value) for value in values[across]],
        "y": [plain(value) for value in values[up]],
        "z": [[None if pd.isna(value) else value for value in row] for row in roi.to_numpy().tolist()],
        "text": [[percent(value) for value in row] for row in roi.to_numpy()],
        "texttemplate": "%{text}",
        "customdata": [[signed(value) for value in row] for row in net.to_numpy()],
        "colorscale": _LOSS_TO_GAIN,
        "zmin": -most,
        "zmax": most,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "ROI %{text}, net %{customdata}<extra></extra>",
    }
    axes = (axis(key, type="category", showgrid=False) for key in (across, up))
    averaged = f" Each cell is the mean over {', '.join(varied[_SIDES:])}." if varied[_SIDES:] else ""
    return Plot(
        "sweep",
        "The sweep",
        f"ROI on stake of {plural(len(swept), 'variant')} of {swept['name'].iloc[0]}: blue made money, brown lost it."
        f"{averaged} Neighbours that agree mean more than one cell that stands out.",
        f"Heat map of ROI by {across} and {up}. The best: {up} {values[up][row]}, {across} {values[across][column]}.",
        {"data": [heat], "layout": layout(*axes)},
    )


def _values_in_order(values: Iterable[Any]) -> list[str]:
    """List the distinct values as text, numbers by size and before words."""
    distinct = {_text(value): value for value in values}
    numbers = {
        text: float(value)
        for text, value in distinct.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return [*sorted(numbers, key=lambda text: numbers[text]), *sorted(set(distinct) - set(numbers))]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
