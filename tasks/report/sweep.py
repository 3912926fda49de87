"""The picture of a sweep: what came of each value of one parameter, or of each combination of values of several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tasks.aggregation.words import plural
from tasks.report.drawing import COLOURS, Floats, Plot, axis, layout, plain
from tasks.report.parameters import find_varied, read_parameters, tell_apart
from tasks.report.words import percent, signed

_LOSS_TO_GAIN = [[0, "#b35806"], [0.5, "#e8e8e8"], [1, "#2166ac"]]

# Of more, the names could not all stand beside them on a phone.
_MOST_ROWS = 16


def plot_sweep(summary: pd.DataFrame, statistics: pd.DataFrame) -> Plot | None:
    """Plot the return of a sweep: a dot a value where one parameter varies, else a map with a cell a variant.

    Args:
        summary: Rows of `results/summary`.
        statistics: Rows of `results/statistics`; empty where a run has none.

    Returns:
        The plot, of the strategy with the most variants; None where none of its parameters varies, or it has no bets.
    """
    if summary.empty:
        return None
    name = summary["name"].value_counts().index[0]
    swept = summary[summary["name"] == name].reset_index(drop=True)
    values = read_parameters(swept["parameters"])
    varied = find_varied(values)
    if not varied or swept["roi"].isna().all():
        return None
    of = f"of {plural(len(swept), 'variant')} of {name}"
    if others := len(summary) - len(swept):
        of += f" (the run has {plural(others, 'variant')} of other strategies)"
    if len(varied) == 1:
        return _plot_values(swept, values, varied[0], statistics, of)
    return _plot_map(swept, values, varied, of)


def _plot_values(swept: pd.DataFrame, values: pd.DataFrame, parameter: str, statistics: pd.DataFrame, of: str) -> Plot:
    """Plot the variants' ROI and interval, a value of the parameter each."""
    places, said = _place(values, [parameter])
    known = statistics.set_index("strategy")[["roi_low", "roi_high"]].reindex(swept["strategy"]).reset_index(drop=True)
    rows = swept[["roi", "net"]].join(known).iloc[np.argsort(places, kind="stable")]
    roi = rows["roi"].to_numpy(dtype=float)
    above, below = rows["roi_high"].to_numpy(dtype=float) - roi, roi - rows["roi_low"].to_numpy(dtype=float)
    at = [said[place] for place in np.sort(places)]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [plain(value) for value in at],
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
    return Plot(
        "sweep",
        "The sweep",
        f"ROI on stake {of} by {parameter}, with 95 % intervals; where they overlap, luck can be the difference.",
        f"ROI on stake by {parameter}. The best: {at[int(np.nanargmax(roi))]}.",
        {"data": [dots], "layout": layout(axis(parameter, type="category"), axis("ROI on stake", tickformat=".0%"))},
    )


def _or_none(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _plot_map(swept: pd.DataFrame, values: pd.DataFrame, varied: Sequence[str], of: str) -> Plot:
    """Plot the ROI of each variant; of each that a cell has, where there are too many for a row each, the mean."""
    across, up = varied[:1], _as_many_as_fit(values, varied[1:])
    (columns, said_across), (rows, said_up) = _place(values, across), _place(values, up)
    placed = swept.assign(row=rows, column=columns)

    def cells(of_variants: pd.DataFrame, figure: str, how: Literal["mean", "count"]) -> Floats:
        table = of_variants.pivot_table(index="row", columns="column", values=figure, aggfunc=how)
        filled: Floats = table.reindex(index=range(len(said_up)), columns=range(len(said_across))).to_numpy(dtype=float)
        return filled

    betting = placed[placed["roi"].notna()]
    roi, net = cells(betting, "roi", "mean"), cells(betting, "net", "mean")
    variants, with_bets = (np.nan_to_num(cells(one, "strategy", "count")) for one in (placed, betting))
    most = float(np.nanmax(np.abs(roi)))
    row, column = np.unravel_index(np.nanargmax(roi), roi.shape)
    heat = {
        "type": "heatmap",
        "x": [plain(value) for value in said_across],
        "y": [plain(value) for value in said_up],
        "z": [_or_none(of_row) for of_row in roi],
        "text": [[percent(value) for value in of_row] for of_row in roi],
        "texttemplate": "%{text}",
        "customdata": [
            [_say_cell(*cell) for cell in zip(*of_row, strict=True)]
            for of_row in zip(variants, with_bets, net, strict=True)
        ],
        "colorscale": _LOSS_TO_GAIN,
        "zmin": -most,
        "zmax": most,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "hovertemplate": "%{y}, %{x}: ROI %{text}, %{customdata}<extra></extra>",
    }
    titles = [" · ".join(keys) for keys in (across, up)]
    # With a step of one no row goes without its name.
    axes = (
        axis(title, type="category", showgrid=False, dtick=step) for title, step in zip(titles, (None, 1), strict=True)
    )
    rest = ", ".join(varied[1 + len(up) :])
    averaged = f" Each cell is the mean over {rest}, of the variants with bets." if rest else ""
    return Plot(
        "sweep",
        "The sweep",
        f"ROI on stake {of}: blue made money, brown lost it.{averaged} Neighbours that agree mean more than one cell "
        "that stands out.",
        f"Heat map of ROI by {' and '.join(titles)}. The best: {titles[1]} {said_up[row]}, "
        f"{titles[0]} {said_across[column]}.",
        {"data": [heat], "layout": layout(*axes)},
    )


def _as_many_as_fit(values: pd.DataFrame, varied: Sequence[str]) -> Sequence[str]:
    """Return so many of these parameters, one at least, that their combinations are few enough for a row each."""
    fitting = [
        count for count in range(1, len(varied) + 1) if len(values[varied[:count]].drop_duplicates()) <= _MOST_ROWS
    ]
    return varied[: max(fitting, default=1)]


def _place(values: pd.DataFrame, keys: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return at which place in order each variant's values of these parameters are, and what stands there."""
    of_variants = list(values[list(keys)].itertuples(index=False, name=None))
    told = tell_apart(of_variants)
    places = {value: place for place, value in enumerate(told)}
    return [places[value] for value in of_variants], list(told.values())


def _say_cell(variants: float, with_bets: float, net: float) -> str:
    if not with_bets:
        return "no bets" if variants else "no variant"
    mean = f", the mean of {plural(int(with_bets), 'variant')} with bets" if variants > 1 else ""
    return f"net {signed(net)}{mean}"
