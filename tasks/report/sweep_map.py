"""The map of a sweep: what came of each pair of values of two parameters."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from tasks.report.drawing import Plot, axis, layout, plain
from tasks.report.words import percent, plural, signed

_LOSS_TO_GAIN = [[0, "#b35806"], [0.5, "#e8e8e8"], [1, "#2166ac"]]
_SIDES = 2


def plot_sweep(summary: pd.DataFrame) -> Plot | None:
    """Plot the return of a sweep over the two parameters that take the most values.

    Args:
        summary: Rows of `results/summary`.

    Returns:
        The plot; None where no strategy has two parameters that vary.
    """
    if summary.empty:
        return None
    name = summary["name"].value_counts().index[0]
    swept = summary[summary["name"] == name]
    parameters = [json.loads(text) for text in swept["parameters"]]
    values = {key: _values_in_order(variant.get(key) for variant in parameters) for key in parameters[0]}
    varied = sorted((key for key in values if len(values[key]) > 1), key=lambda key: (-len(values[key]), key))
    if len(varied) < _SIDES:
        return None
    across, up = varied[:_SIDES]
    cells = swept.assign(
        across=[_text(variant.get(across)) for variant in parameters],
        up=[_text(variant.get(up)) for variant in parameters],
    ).pivot_table(index="up", columns="across", values=["roi", "net"], aggfunc="mean", dropna=False)
    roi, net = (
        cells[figure].reindex(index=values[up], columns=values[across]) if figure in cells else pd.DataFrame()
        for figure in ("roi", "net")
    )
    if roi.empty or roi.isna().all(axis=None):
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
        f"ROI of {plural(len(swept), 'variant')} of {name}: blue made money, brown lost it.{averaged} "
        "Neighbours that agree mean more than one cell that stands out.",
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
