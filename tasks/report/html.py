"""Render a run as one self-contained HTML page that is safe to open.

`collect.py` reads its data; `bets.py`, `breakdowns.py` and `calibration.py` compute its figures.
"""

import base64
import hashlib
import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tasks.aggregation.account import say_account
from tasks.aggregation.bootstrap import FEWEST
from tasks.aggregation.no_bets import say_order
from tasks.aggregation.split import say_split
from tasks.aggregation.statistics import best_first, verdict
from tasks.aggregation.words import plural
from tasks.foreign_text import visible
from tasks.report import words
from tasks.report.bets import bets_of
from tasks.report.breakdowns import DIMENSIONS, Dimension, break_down
from tasks.report.calibration import calibrate
from tasks.report.collect import ReportData, page_key
from tasks.report.drawing import GREY, Look, Plot, looks
from tasks.report.out_of_sample import find_sides, plot_split
from tasks.report.plots import plot_calibration, plot_drawdown, plot_draws, plot_equity, plot_prices
from tasks.report.sweep import plot_sweep
from tasks.report.tracks import unknown_venues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_INTERVAL = ["roi_low", "roi_high", "roi_noise"]

# Each has ten tables; with more variants the page would be too long to read, and too large.
_MOST_BROKEN_DOWN = 5

_MOST_DRAWN = 50

_MOST_REFUSED = 100

# An ROI beyond ±200 % is drawn at the edge.
_WIDEST_REACH = 2.0
_NARROWEST_REACH = 0.1


class Bar(NamedTuple):
    """An interval as drawn: positions from 0 (left) to 100 (right); 50 is zero.

    Attributes:
        low: Lower end.
        high: Upper end.
        at: The figure itself.
        sure: Whether the interval excludes zero.
    """

    low: float
    high: float
    at: float
    sure: bool


class Table(NamedTuple):
    """A breakdown as a table.

    Attributes:
        dimension: The dimension.
        rows: Its cells, each with its `bar`; None without an interval.
        reach: The ROI at the bars' ends, as a fraction; None without bars.
    """

    dimension: Dimension
    rows: list[dict[str, Any]]
    reach: float | None


class VariantBreakdown(NamedTuple):
    """A variant's breakdowns.

    Attributes:
        name: The variant's display name.
        tables: One per dimension with several cells.
        alike: Title and cell of the dimensions with one.
    """

    name: str
    tables: list[Table]
    alike: list[tuple[str, str]]


def render(report: ReportData) -> str:
    """Render a run's page as HTML that opens from a disk, without network.

    Raises:
        BalanceError: The orders do not add up to the results.
    """
    bets = bets_of(report.orders, report.settled, report.markets, report.runners, report.ratings)
    report = _where_bet(report, bets)
    summary = best_first(report.summary)
    names = words.name_variants(summary)
    betting = _with_bets(names, bets)
    best, of_account = looks(names), _look_of(report.account)
    every = {**best, **of_account}
    drawn = {
        **{strategy: best[strategy] for strategy, _ in betting[:_MOST_DRAWN]},
        **(of_account if len(report.account_settled) else {}),
    }
    figures = pd.concat([summary, report.account.assign(parameters="{}")])
    rows = _variants(figures, _intervals(report, bets), every)
    variants = rows[: len(summary)]
    plots = _plots(report, bets, drawn)
    environment = _environment()
    script, style = (_source(environment, name) for name in ("page.js", "page.css"))
    return environment.get_template("page.html").render(
        run=report.record.run,
        headline=_headline(variants[0], report.statistics),
        record=report.record,
        key=page_key(report.record, report.rejects),
        days=_days(report.markets),
        variants=variants,
        rows=rows,
        drawn=drawn,
        undrawn=len(betting[_MOST_DRAWN:]),
        account=[_sentence(say_account(row)) for row in _records(report.account)],
        statistics=_statistics(pd.concat([report.statistics, report.account]), every),
        out_of_sample=_out_of_sample(report.split, names),
        sides=find_sides(report.split, names),
        reach=_reach(pd.DataFrame(rows)),
        plots=plots,
        specs=_as_json({plot.key: plot.figure for plot in plots}),
        broken=[_break_down(bets, strategy, name) for strategy, name in betting[:_MOST_BROKEN_DOWN]],
        unbroken=len(betting[_MOST_BROKEN_DOWN:]),
        fewest=FEWEST,
        rejects=report.rejects,
        refused=[_refused(row, names) for row in report.refused[:_MOST_REFUSED]],
        unlisted=len(report.refused[_MOST_REFUSED:]),
        notices=report.notices,
        unknown_venues=unknown_venues(report.markets),
        provenance=report.provenance,
        plotly=Markup(_plotly()),  # noqa: S704 - the library as it was installed
        script=Markup(script),  # noqa: S704 - this folder's own
        style=Markup(style),  # noqa: S704 - this folder's own
        policy=_policy(_plotly(), script) if plots else _policy(),
    )


def _where_bet(report: ReportData, bets: pd.DataFrame) -> ReportData:
    """Drop markets without bets, so that all counts on the page refer to the markets behind its figures."""
    bet_in = set(bets["market_id"])
    markets, runners, ratings = (
        rows[rows["market_id"].isin(bet_in)] for rows in (report.markets, report.runners, report.ratings)
    )
    return replace(report, markets=markets, runners=runners, ratings=ratings)


def _variants(summary: pd.DataFrame, intervals: pd.DataFrame, drawn: dict[str, Look]) -> list[dict[str, Any]]:
    """Return each variant's row with its look, interval and bar; the bar is None without an interval."""
    known = intervals.reindex(summary["strategy"])
    rows = summary.assign(**{column: known[column].to_numpy() for column in _INTERVAL})
    reach = _reach(rows)
    return [
        {
            **row,
            "look": drawn[row["strategy"]],
            "bar": _bar(row, reach),
            "parameters": json.loads(row["parameters"]),
        }
        for row in _records(rows)
    ]


def _refused(row: "Mapping[str, Any]", names: dict[str, str]) -> dict[str, Any]:
    return {**row, "name": names.get(row["strategy"], row["strategy"]), "example": say_order(row)}


def _intervals(report: ReportData, bets: pd.DataFrame) -> pd.DataFrame:
    """Return the interval of each variant's ROI, from the statistics, or from breakdowns if the run has none."""
    if len(report.statistics):
        return pd.concat([report.statistics, report.account]).set_index("strategy")[_INTERVAL]
    # Each variant is a cell of all bets.
    return break_down(bets, "strategy").assign(roi_noise=0.0).set_index("cell")[_INTERVAL]


def _headline(best: dict[str, Any], statistics: pd.DataFrame) -> str:
    rows = {row["strategy"]: row for row in _records(statistics)}
    if best["strategy"] in rows:
        said = verdict({**rows[best["strategy"]], "no_bets": best["no_bets"]})
    else:
        said = f"net {words.signed(best['net'])} on {plural(int(best['bets']), 'bet')}"
    return _sentence(said)


def _sentence(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."


def _look_of(account: pd.DataFrame) -> dict[str, Look]:
    """Return the account's look, different from every variant's; empty unless variants share an account."""
    return {
        row["strategy"]: Look(f"all {row['variants']:,} on one account", GREY, "solid", "", shown=True)
        for row in _records(account)
    }


def _out_of_sample(split: pd.DataFrame, names: dict[str, str]) -> list[str]:
    named = split.assign(strategy=split["strategy"].replace(names))
    return [_sentence(said) for said in say_split(_records(named))]


def _plots(report: ReportData, bets: pd.DataFrame, drawn: dict[str, Look]) -> list[Plot]:
    if bets.empty:
        return []
    settled = pd.concat([report.settled, report.account_settled])
    plots = (
        plot_equity(settled, drawn),
        plot_drawdown(settled, drawn),
        plot_draws(report.draws, drawn),
        plot_split(report.split, drawn),
        plot_sweep(report.summary, report.statistics),
        plot_calibration(calibrate(_rated(report))),
        plot_prices(bets, drawn),
    )
    return [plot for plot in plots if plot is not None]


def _rated(report: ReportData) -> pd.DataFrame:
    wins = report.markets.loc[report.markets["market_type"] == "WIN", "market_id"]
    ran = report.runners[report.runners["market_id"].isin(wins) & report.runners["status"].isin(["WINNER", "LOSER"])]
    rated = ran.merge(report.ratings, on=["market_id", "selection_id"])
    return rated.assign(won=rated["status"] == "WINNER")


def _with_bets(names: dict[str, str], bets: pd.DataFrame) -> list[tuple[str, str]]:
    betting = set(bets["strategy"])
    return [(strategy, name) for strategy, name in names.items() if strategy in betting]


def _break_down(bets: pd.DataFrame, strategy: str, name: str) -> VariantBreakdown:
    own = bets[bets["strategy"] == strategy]
    tables, alike = [], []
    for dimension in DIMENSIONS:
        cells = break_down(own, dimension.column)
        if len(cells) == 1:
            alike.append((dimension.title, str(cells["cell"].iloc[0])))
            continue
        reach = _reach(cells)
        rows = [{**cell, "bar": _bar(cell, reach)} for cell in _records(cells)]
        tables.append(Table(dimension, rows, reach))
    return VariantBreakdown(name, tables, alike)


def _reach(cells: pd.DataFrame) -> float | None:
    """Return the ROI at the bars' ends: that of the widest interval, within limits; None without intervals."""
    ends = cells[["roi_low", "roi_high"]].abs().to_numpy(dtype=float)
    return None if np.isnan(ends).all() else float(np.clip(np.nanmax(ends), _NARROWEST_REACH, _WIDEST_REACH))


def _bar(cell: dict[str, Any], reach: float | None) -> Bar | None:
    low, high = cell["roi_low"], cell["roi_high"]
    if reach is None or pd.isna(low):
        return None

    def place(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / reach)), 2)

    return Bar(place(low), place(high), place(cell["roi"]), sure=low > 0 or high < 0)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _days(markets: pd.DataFrame) -> str:
    return words.span(markets["market_date"].min(), markets["market_date"].max()) if len(markets) else ""


def _statistics(statistics: pd.DataFrame, every: dict[str, Look]) -> list[tuple[str, dict[str, Any]]]:
    rows = {row["strategy"]: row for row in _records(statistics)}
    return [(look.name, rows[strategy]) for strategy, look in every.items() if strategy in rows]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written: Iterable[Callable[..., str]] = (
        words.chance,
        words.count,
        words.interval,
        words.money,
        words.percent,
        words.share,
        words.signed,
        words.span_of_money,
        words.tenth,
    )
    environment.filters.update({function.__name__: function for function in written})
    return environment


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _as_json(value: object) -> Markup:
    """Return JSON that cannot close the script element it is embedded in."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - what could end the element is escaped


def _policy(*scripts: str) -> str:
    """Return a Content-Security-Policy that allows only these scripts and forbids any fetch."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _source(environment: Environment, name: str) -> str:
    loader = cast("PackageLoader", environment.loader)
    text, *_ = loader.get_source(environment, name)
    return str(text)


@cache
def _plotly() -> str:
    return files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")
