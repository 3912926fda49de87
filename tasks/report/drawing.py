"""What the report's plots are made of: variants' looks, lines, axes, arrays. What is plotted is in `plots.py`.

The page decides the colours of text and grid, since it knows whether it is light or dark; here are those of the data.
"""

import base64
import html
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.foreign_text import visible

MOST_POINTS = 2_000
"""A trace has no more points than this."""

# What all traces of a plot may have together, so that fifty variants still make a page that a phone opens.
_MOST_IN_A_PLOT = 10_000
_MOST_SHOWN_AT_FIRST = 5

# Below this, single precision is exact to the cent; milliseconds since 1970 are far above.
_MOST_IN_SINGLE = 100_000

# Paul Tol's vibrant scheme: told apart by the colour-blind, readable on white and on black.
COLOURS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#ee3377", "#33bbee")
# Plotly's name of a dash, and the same in SVG.
_DASHES = (("solid", ""), ("dash", "6 4"), ("dot", "2 3"), ("dashdot", "6 3 2 3"), ("longdash", "10 4"))
GREY = "#888888"

Figure = dict[str, Any]
Trace = dict[str, Any]
Axis = dict[str, Any]
Floats = npt.NDArray[np.float64]


class Look(NamedTuple):
    """How a variant is drawn, in every plot alike.

    Attributes:
        name: For a person.
        colour: Of its lines and points.
        dash: Of its lines, as Plotly says it.
        strokes: The same as SVG says it.
        shown: Whether it is switched on when the page opens.
    """

    name: str
    colour: str
    dash: str
    strokes: str
    shown: bool


class Plot(NamedTuple):
    """A plot.

    Attributes:
        key: Its id in the page.
        title: Its heading.
        caption: How to read it.
        alt: What it shows, for those who do not see it.
        figure: Plotly's `data` and `layout`.
    """

    key: str
    title: str
    caption: str
    alt: str
    figure: Figure


def looks(names: Mapping[str, str]) -> dict[str, Look]:
    """Return the look of each variant.

    Args:
        names: Variant id to name, the best first.

    Returns:
        Variant id to look.
    """
    return {
        strategy: Look(
            name,
            COLOURS[place % len(COLOURS)],
            *_DASHES[place // len(COLOURS) % len(_DASHES)],
            shown=place < _MOST_SHOWN_AT_FIRST,
        )
        for place, (strategy, name) in enumerate(names.items())
    }


def rows_of_each(rows: pd.DataFrame, variants: Mapping[str, Look]) -> list[tuple[str, pd.DataFrame]]:
    """Divide rows by their column `strategy`.

    Args:
        rows: Of any variants.
        variants: Those that are drawn, in order.

    Returns:
        Variant id and rows of those that have any.
    """
    groups = {str(strategy): group for strategy, group in rows.groupby("strategy")}
    return [(strategy, groups[strategy]) for strategy in variants if strategy in groups]


def points_a_trace(traces: int) -> int:
    """Return how many points a trace may have.

    Args:
        traces: How many there are in the plot.

    Returns:
        `MOST_POINTS`, or fewer where there are many traces.
    """
    return min(MOST_POINTS, _MOST_IN_A_PLOT // max(traces, 1))


def thin(times: Floats, most: int) -> npt.NDArray[np.int64]:
    """Thin by time: pick the last row of each of `most` − 1 equally long stretches, and the first row.

    Args:
        times: In order.
        most: Rows to keep.

    Returns:
        The rows' places, in order; all of them where there are no more than `most`.
    """
    if len(times) <= most:
        return np.arange(len(times))
    edges = np.linspace(times[0], times[-1], most)
    return np.unique(np.searchsorted(times, edges, side="right") - 1)


def milliseconds(times: pd.Series) -> Floats:
    """Write times as Plotly's axes take them.

    Args:
        times: With a time zone.

    Returns:
        Milliseconds since 1970 UTC.
    """
    since_1970: Floats = times.dt.tz_convert(None).to_numpy(dtype="datetime64[ms]").astype(np.float64)
    return since_1970


def pack(**arrays: npt.ArrayLike) -> dict[str, dict[str, str]]:
    """Pack arrays as Plotly's base64, which is shorter than numbers written out.

    Args:
        arrays: The attributes of a trace and their values.

    Returns:
        The attributes as Plotly reads them.
    """
    return {name: _packed(np.asarray(values, dtype=np.float64)) for name, values in arrays.items()}


def _packed(values: Floats) -> dict[str, str]:
    kind = "f4" if np.abs(values).max(initial=0) < _MOST_IN_SINGLE else "f8"
    return {"dtype": kind, "bdata": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}


def plain(text: object) -> str:
    """Escape text for Plotly, which reads some HTML in names and titles."""
    return html.escape(visible(str(text)), quote=False)


def of_variant(strategy: str, look: Look) -> Trace:
    """Return whose a trace is, for its hover and for the switches of the page.

    Args:
        strategy: The variant's id.

    Returns:
        Attributes of a trace.
    """
    return {"name": plain(look.name), "meta": {"variant": strategy}, "visible": look.shown}


def line_of(strategy: str, look: Look, width: float) -> Trace:
    """Make a variant's line, a step at each point.

    Args:
        strategy: The variant's id.
        width: Pixels.

    Returns:
        A trace without its points.
    """
    line = {"color": look.colour, "dash": look.dash, "width": width, "shape": "hv"}
    return {"type": "scatter", "mode": "lines", **of_variant(strategy, look), "line": line}


def diagonal(low: float, high: float) -> Trace:
    """Make the line on which both axes are equal."""
    line = {"color": GREY, "width": 1, "dash": "dot"}
    return {"type": "scatter", "mode": "lines", "x": [low, high], "y": [low, high], "line": line, "hoverinfo": "skip"}


def layout(across: Axis, up: Axis) -> dict[str, Any]:
    """Lay a plot out.

    Args:
        across: The x axis.
        up: The y axis.

    Returns:
        Plotly's layout, transparent.
    """
    return {
        "xaxis": across,
        "yaxis": up,
        "showlegend": False,
        "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "dragmode": False,
    }


def axis(title: str, **more: object) -> Axis:
    """Make an axis.

    Args:
        title: What it measures.
        more: Further attributes of Plotly's.

    Returns:
        The axis.
    """
    return {"title": {"text": plain(title), "standoff": 8}, "automargin": True, "ticks": "", **more}
