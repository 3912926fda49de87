"""The report's plots of a run's money, prices and ratings, as Plotly dictionaries with their texts.

`drawing.py` has their parts; `sweep.py` and `out_of_sample.py` have further plots.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np
import pandas as pd

from tasks.aggregation.words import plural
from tasks.report.drawing import (
    COLOURS,
    GREY,
    Axis,
    Floats,
    Look,
    Plot,
    Trace,
    axis,
    diagonal,
    layout,
    line_of,
    milliseconds,
    of_variant,
    pack,
    points_a_trace,
    rows_of_each,
    thin,
)
from tasks.report.words import signed

_BINS = 40
_MOST_SAID = 5
_SYMBOLS = {"BACK": "circle", "LAY": "x-thin"}
_TIME = "%{x|%d %b %Y %H:%M} UTC"
_DAY = 86_400_000  # milliseconds
_TIME_TICKS = [
    {"dtickrange": [None, _DAY - 1], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [_DAY, "M1"], "value": "%-d %b\n%Y"},
    {"dtickrange": ["M1", None], "value": "%b\n%Y"},
]
_TICKS = (1.01, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


def plot_equity(settled: pd.DataFrame, variants: Mapping[str, Look]) -> Plot:
    """Plot each variant's cumulative gross and net against time, from rows of `results/markets`."""
    drawn = rows_of_each(settled, variants)
    most = points_a_trace(2 * len(drawn))
    data: list[Trace] = []
    for strategy, rows in drawn:
        time = milliseconds(rows["settled_time"])
        kept = thin(time, most)
        for column, width, opacity in (("gross", 1, 0.55), ("net", 2.2, 1)):
            money = rows[f"cumulative_{column}"].to_numpy()[kept]
            data.append(
                {
                    **line_of(strategy, variants[strategy], width),
                    **pack(x=np.insert(time[kept], 0, time[0]), y=np.insert(money, 0, 0)),
                    "opacity": opacity,
                    "hovertemplate": f"%{{y:,.2f}} {column}<br>{_TIME}<extra>%{{fullData.name}}</extra>",
                }
            )
    ends = (f"{variants[strategy].name} {signed(rows['cumulative_net'].iloc[-1])}" for strategy, rows in drawn)
    note = _note_thinned(drawn, most, "the last market of each of equally long stretches of time is drawn")
    return Plot(
        "equity",
        "Won and lost over time",
        f"The thick line is net, after commission; the thin one gross. Markets in order of settlement.{note}",
        f"Line chart of accumulated profit against time. Net at the end: {_first_few(ends)}.",
        {"data": data, "layout": layout(_time_axis(), axis("profit"))},
    )


def plot_drawdown(settled: pd.DataFrame, variants: Mapping[str, Look]) -> Plot:
    """Plot each variant's drawdown of net against time, from rows of `results/markets`."""
    drawn = rows_of_each(settled, variants)
    most = points_a_trace(len(drawn))
    data: list[Trace] = []
    worst = []
    for strategy, rows in drawn:
        net = rows["cumulative_net"].to_numpy(dtype=float)
        below = net - np.maximum.accumulate(np.maximum(net, 0))
        worst.append(f"{variants[strategy].name} {signed(below.min())}")
        time = milliseconds(rows["settled_time"])
        kept = thin(time, most)
        lowest = np.minimum.reduceat(below, np.insert(kept[:-1] + 1, 0, 0))
        data.append(
            {
                **line_of(strategy, variants[strategy], 1.6),
                **pack(x=time[kept], y=lowest),
                "hovertemplate": f"%{{y:,.2f}} from the best<br>{_TIME}<extra>%{{fullData.name}}</extra>",
            }
        )
    note = _note_thinned(drawn, most, "the lowest point of each of equally long stretches of time is drawn")
    return Plot(
        "drawdown",
        "Drawdown",
        f"How far the net lies below the best it had been.{note}",
        f"Line chart of drawdown against time. The deepest: {_first_few(worst)}.",
        {"data": data, "layout": layout(_time_axis(), axis("below the best"))},
    )


def plot_draws(draws: Mapping[str, Floats], variants: Mapping[str, Look]) -> Plot | None:
    """Plot the distribution of each variant's bootstrap nets.

    Args:
        draws: Nets of resampled runs, by variant id.
        variants: Looks of the variants to draw.

    Returns:
        The plot; None without draws.
    """
    drawn = [(strategy, draws[strategy]) for strategy in variants if len(draws.get(strategy, ()))]
    if not drawn:
        return None
    data: list[Trace] = []
    shares = []
    for strategy, nets in drawn:
        look = variants[strategy]
        heights, edges = np.histogram(nets, _BINS)
        outline = np.concatenate(([0], np.repeat(heights / len(nets), 2), [0]))
        shares.append(f"{look.name} {np.mean(nets <= 0):.0%}")
        data.append(
            {
                **line_of(strategy, look, 1.6),
                **pack(x=np.repeat(edges, 2), y=outline),
                "fill": "tozeroy",
                "fillcolor": f"{look.colour}22",
                "hovertemplate": "%{y:.1%} near %{x:,.2f}<extra>%{fullData.name}</extra>",
            }
        )
    axes = (axis("net of a resampled run", zerolinecolor=GREY), axis("share of resamples", tickformat=".0%"))
    return Plot(
        "draws",
        "What chance alone moves",
        "Nets of runs resampled by race, with replacement. What lies left of zero is the chance of no profit.",
        f"Histogram of bootstrap nets. Share at or below zero: {_first_few(shares)}.",
        {"data": data, "layout": layout(*axes)},
    )


def plot_calibration(bins: pd.DataFrame) -> Plot | None:
    """Plot how often runners won against their rated chances, by bin from `calibrate`; None without rated runners."""
    if bins.empty:
        return None
    top = min(1.0, 1.08 * float(max(bins["high"].max(), bins["chance"].max())))
    chance, wins = bins["chance"].to_numpy(), bins["wins"].to_numpy()
    data = [
        diagonal(0, top),
        {
            "type": "scatter",
            "mode": "markers",
            "marker": {"color": COLOURS[0], "size": 8},
            **pack(x=chance, y=wins, customdata=bins["runners"].to_numpy(dtype=float)),
            "error_y": {
                "type": "data",
                "symmetric": False,
                "array": (bins["high"] - wins).tolist(),
                "arrayminus": (wins - bins["low"]).tolist(),
                "color": COLOURS[0],
                "thickness": 1.4,
                "width": 0,
            },
            "hovertemplate": "rated %{x:.1%}, won %{y:.1%}<br>%{customdata:,.0f} runners<extra></extra>",
        },
    ]
    axes = (axis(title, tickformat=".0%", range=[0, top]) for title in ("chance by rating", "share that won"))
    runners, inside = int(bins["runners"].sum()), int(bins["chance"].between(bins["low"], bins["high"]).sum())
    return Plot(
        "calibration",
        "Ratings against results",
        f"{plural(runners, 'rated runner')} of the WIN markets that were bet in, in bins of equally many by "
        "1 / rating, with 95 % intervals. On the line, runners win as often as ratings say; below it, less often.",
        f"Calibration of ratings: in {inside} of {plural(len(bins), 'bin')} the rated chance is inside the interval.",
        {"data": data, "layout": layout(*axes)},
    )


def plot_prices(bets: pd.DataFrame, variants: Mapping[str, Look]) -> Plot | None:
    """Plot the price matched against the starting price.

    Args:
        bets: From `bets_of`.
        variants: Looks of the variants to draw.

    Returns:
        The plot; None if none of their bets has a starting price.
    """
    priced = bets[bets["bsp"].notna() & bets["strategy"].isin(variants)]
    drawn = rows_of_each(priced, variants)
    if not drawn:
        return None
    most = points_a_trace(len(drawn))
    low = float(min(priced["bsp"].min(), priced["price_matched"].min()))
    high = float(max(priced["bsp"].max(), priced["price_matched"].max()))
    data: list[Trace] = [diagonal(low, high)]
    for strategy, rows in drawn:
        every = rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))]
        for side, symbol in _SYMBOLS.items():
            drawn_side = every[every["side"] == side]
            colour = variants[strategy].colour
            marker = {
                "color": colour,
                "size": 6,
                "opacity": 0.55,
                "symbol": symbol,
                "line": {"color": colour, "width": 1.2},
            }
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    **of_variant(strategy, variants[strategy]),
                    **pack(x=drawn_side["bsp"], y=drawn_side["price_matched"]),
                    "marker": marker,
                    "hovertemplate": f"{side.lower()} at %{{y:.2f}}, BSP %{{x:.2f}}<extra>%{{fullData.name}}</extra>",
                }
            )
    above = (priced["price_matched"] > priced["bsp"]).groupby(priced["side"]).mean()
    said = "; ".join(f"{share:.0%} of {str(side).lower()}s were matched above BSP" for side, share in above.items())
    note = _note_thinned(drawn, most, "a regular selection is drawn")
    return Plot(
        "prices",
        "Price matched against BSP",
        "Each bet on a runner that has a BSP, on logarithmic axes: circles are backs, crosses lays. A back above the "
        f"line, or a lay below it, got a better price than the starting price.{note}",
        f"Scatter plot of price matched against Betfair starting price. {said}.",
        {"data": data, "layout": layout(_log_axis("BSP", low, high), _log_axis("price matched", low, high))},
    )


def _note_thinned(drawn: Sequence[tuple[str, pd.DataFrame]], most: int, how: str) -> str:
    thinned = any(len(rows) > most for _, rows in drawn)
    return f" Thinned to {most:,} points a variant: {how}." if thinned else ""


def _first_few(items: Iterable[str]) -> str:
    return ", ".join(islice(items, _MOST_SAID))


def _time_axis() -> Axis:
    return axis("", type="date", zeroline=False, nticks=7, tickangle=0, tickformatstops=_TIME_TICKS)


def _log_axis(title: str, low: float, high: float) -> Axis:
    ticks = [tick for tick in _TICKS if low / 1.2 <= tick <= high * 1.2]
    return axis(title, type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks], tickangle=0)
