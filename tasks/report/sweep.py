"""Plot a sweep: the ROI by value of one parameter, or by combination of values of several."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from tasks.aggregation.words import plural
from tasks.report.drawing import COLOURS, Floats, Plot, axis, layout, plain
from tasks.report.parameters import find_varied, read_parameters, tell_apart
from tasks.report.words import percent, signed

_LOSS_TO_GAIN = [[0, "#b35806"], [0.5, "#e8e8e8"], [1, "#2166ac"]]

# With more rows, a phone has no room for all their names.
_MOST_ROWS = 16


def plot_sweep(summary: pd.DataFrame, statistics: pd.DataFrame) -> Plot | None:
    """Plot a sweep's ROI: a dot per value if one parameter varies, else a heat map.

    Args:
        summary: Rows of `results/summary`.
        statistics: Rows of `results/statistics`; empty if the run has none.

    Returns:
        The plot, of the strategy with the most variants; None if none of its parameters varies, or it has no bets.
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
    """Plot ROI and interval against the parameter's values."""
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
    """Plot ROI as a heat map; each cell is a variant, or the mean of several if there are too many for a row each."""
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
    # A step of one makes Plotly label every row.
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
    """Return the first parameters, at least one, whose combinations fit in a row each."""
    fitting = [
        count for count in range(1, len(varied) + 1) if len(values[varied[:count]].drop_duplicates()) <= _MOST_ROWS
    ]
    return varied[: max(fitting, default=1)]


def _place(values: pd.DataFrame, keys: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the position of each variant's values of these parameters in order, and the label at each position."""
    of_variants = list(values[list(keys)].itertuples(index=False, name=None))
    told = tell_apart(of_variants)
    places = {value: place for place, value in enumerate(told)}
    return [places[value] for value in of_variants], list(told.values())


def _say_cell(variants: float, with_bets: float, net: float) -> str:
    if not with_bets:
        return "no bets" if variants else "no variant"
    mean = f", the mean of {plural(int(with_bets), 'variant')} with bets" if variants > 1 else ""
    return f"net {signed(net)}{mean}"
