"""A run's report as a page in the lake: put together of what the stages know, written where a person opens it."""

from dataclasses import replace

import pandas as pd

from flows.backtest_report import page_path, read_page
from flows.command_line.command import command_of
from flows.parameters import BacktestParameters
from flows.simulate import Plan
from tasks.aggregation.bootstrap import bootstrap, by_race
from tasks.aggregation.races import number_races, seed_of
from tasks.aggregation.results import Run
from tasks.report.collect import Origin, ReportData, collect
from tasks.report.html import render


def origin_of(parameters: BacktestParameters, planned: Plan) -> Origin:
    """Say what a run's page tells of how it was asked.

    Args:
        parameters: What was asked.
        planned: What was replayed.

    Returns:
        Where the run comes from.
    """
    return Origin(
        command=command_of(parameters),
        archives=planned.run.archives,
        currency=parameters.currency,
        ratings=parameters.ratings_model,
        reject_sources=parameters.reject_sources(planned.run.archives, planned.markets["market_date"], planned.run.id),
    )


def has_page(run: Run, origin: Origin) -> bool:
    """Tell whether a run has a page that tells of this origin, and of its results as they are now.

    Args:
        run: The run.
        origin: Where it comes from.

    Returns:
        Whether it need not be written again.
    """
    page = read_page(run.lake, run.id)
    return page is not None and origin.fingerprint in page


def write_page(planned: Plan, origin: Origin) -> str:
    """Write a finished run's page.

    Args:
        planned: What was replayed.
        origin: Where the run comes from.

    Returns:
        Its address.
    """
    lake, run = planned.run.lake, planned.run
    report = _with_draws(collect(lake, run.id, origin), planned)
    return lake.write_page(page_path(run.id), render(report))


def _with_draws(report: ReportData, planned: Plan) -> ReportData:
    """Draw the nets again: they do not depend on who is drawn for, so these are those of the intervals."""
    weighed = pd.concat([report.statistics, report.account])
    told = weighed.loc[weighed["net_low"].notna(), "strategy"].tolist()
    if not told:
        return report
    races = number_races(planned.markets)
    settled = pd.concat([report.settled, report.account_settled])
    settled = settled[settled["strategy"].isin(told)]
    net, turnover = (by_race(settled, races, told, column) for column in ("net", "turnover"))
    drawn = bootstrap(net, turnover, seed_of(planned.markets, races))
    return replace(report, draws=dict(zip(told, drawn.nets.T, strict=True)))
