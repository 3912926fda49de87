"""Parts of the report's plots: variants' looks, lines, axes, arrays; `plots.py` combines them.

Only colours of data are here; the page sets those of text and grid, since it knows whether it is light or dark.
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
"""The most points of a trace."""

# The most points of all traces of a plot, so that a phone can open a page with fifty variants.
_MOST_IN_A_PLOT = 10_000
_MOST_SHOWN_AT_FIRST = 5

# Below this, single precision is exact to the cent; timestamps in milliseconds are far above.
_MOST_IN_SINGLE = 100_000

# Paul Tol's vibrant scheme: safe for colour-blind readers, readable on white and on black.
COLOURS = ("#0077bb", "#ee7733", "#009988", "#cc3311", "#ee3377", "#33bbee")
# Plotly's dash, and the same as SVG's stroke-dasharray.
_DASHES = (("solid", ""), ("dash", "6 4"), ("dot", "2 3"), ("dashdot", "6 3 2 3"), ("longdash", "10 4"))
GREY = "#888888"

Figure = dict[str, Any]
Trace = dict[str, Any]
Axis = dict[str, Any]
Floats = npt.NDArray[np.float64]


class Look(NamedTuple):
    """A variant's appearance, the same in every plot.

    Attributes:
        name: Display name.
        colour: Of its lines and points.
        dash: Of its lines, for Plotly.
        strokes: The same for SVG.
        shown: Whether it is visible when the page opens.
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
        alt: Alternative text for screen readers.
        figure: Plotly's `data` and `layout`.
    """

    key: str
    title: str
    caption: str
    alt: str
    figure: Figure


def looks(names: Mapping[str, str]) -> dict[str, Look]:
    """Return each variant's look by id.

    Args:
        names: Display names by variant id, the best first.
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
    """Group rows by their column `strategy`, in the order of the given variants; omit those without rows."""
    groups = {str(strategy): group for strategy, group in rows.groupby("strategy")}
    return [(strategy, groups[strategy]) for strategy in variants if strategy in groups]


def points_a_trace(traces: int) -> int:
    """Return how many points each trace of a plot may have, given their number."""
    return min(MOST_POINTS, _MOST_IN_A_PLOT // max(traces, 1))


def thin(times: Floats, most: int) -> npt.NDArray[np.int64]:
    """Thin by time: keep the first row, and the last row of each of `most` − 1 equal intervals.

    Args:
        times: In order.
        most: Maximum number of rows to keep.

    Returns:
        The kept rows' indices, in order; all if there are at most `most`.
    """
    if len(times) <= most:
        return np.arange(len(times))
    edges = np.linspace(times[0], times[-1], most)
    return np.unique(np.searchsorted(times, edges, side="right") - 1)


def milliseconds(times: pd.Series) -> Floats:
    """Convert time-zone-aware times to milliseconds since 1970 UTC, for Plotly's axes."""
    since_1970: Floats = times.dt.tz_convert(None).to_numpy(dtype="datetime64[ms]").astype(np.float64)
    return since_1970


def pack(**arrays: npt.ArrayLike) -> dict[str, dict[str, str]]:
    """Encode a trace's arrays in Plotly's base64 format, which is shorter than decimal numbers."""
    return {name: _packed(np.asarray(values, dtype=np.float64)) for name, values in arrays.items()}


def _packed(values: Floats) -> dict[str, str]:
    kind = "f4" if np.abs(values).max(initial=0) < _MOST_IN_SINGLE else "f8"
    return {"dtype": kind, "bdata": base64.b64encode(values.astype(f"<{kind}").tobytes()).decode()}


def plain(text: object) -> str:
    """Escape text for Plotly, which reads some HTML in names and titles."""
    return html.escape(visible(str(text)), quote=False)


def of_variant(strategy: str, look: Look) -> Trace:
    """Return the attributes that identify a trace's variant, for hover texts and the page's switches.

    Args:
        strategy: The variant's id.
    """
    return {"name": plain(look.name), "meta": {"variant": strategy}, "visible": look.shown}


def line_of(strategy: str, look: Look, width: float) -> Trace:
    """Return a variant's step line, a trace without points.

    Args:
        strategy: The variant's id.
        width: Pixels.
    """
    line = {"color": look.colour, "dash": look.dash, "width": width, "shape": "hv"}
    return {"type": "scatter", "mode": "lines", **of_variant(strategy, look), "line": line}


def diagonal(low: float, high: float) -> Trace:
    """Return the line on which both axes are equal."""
    line = {"color": GREY, "width": 1, "dash": "dot"}
    return {"type": "scatter", "mode": "lines", "x": [low, high], "y": [low, high], "line": line, "hoverinfo": "skip"}


def layout(across: Axis, up: Axis) -> dict[str, Any]:
    """Return Plotly's layout with these x and y axes, transparent."""
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
    """Return an axis with a title and further attributes of Plotly's."""
    return {"title": {"text": plain(title), "standoff": 8}, "automargin": True, "ticks": "", **more}
