"""A run's report as a page in the lake: put together of what the stages know, written where a person opens it."""

from dataclasses import replace

import pandas as pd

from flows.backtest_report import page_path, read_page
from flows.plan import Plan
from tasks.aggregation.bootstrap import bootstrap, by_race
from tasks.aggregation.races import number_races, seed_of
from tasks.lake.store import Lake
from tasks.report.collect import ReportData, collect, page_key
from tasks.report.html import render
from tasks.runs import RunRecord


def find_page(lake: Lake, record: RunRecord) -> str | None:
    """Find the address of a run's page of what was asked, and of its results as they are now; None without one."""
    page = read_page(lake, record.run)
    return lake.page(page_path(record.run)) if page is not None and page_key(record) in page else None


def write_page(planned: Plan, record: RunRecord) -> str:
    """Write a finished run's page.

    Args:
        planned: What was replayed.
        record: The run.

    Returns:
        The page's address.
    """
    lake = planned.run.lake
    report = _with_draws(collect(lake, record), planned)
    return lake.write_page(page_path(record.run), render(report))


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
