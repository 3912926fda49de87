"""A run's report as a page in the lake: put together of what the stages know, written where a person opens it."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from flows.backtest_report import page_path, read_page
from flows.plan import Plan
from tasks.aggregation.account import ACCOUNT
from tasks.aggregation.bootstrap import bootstrap, sum_races
from tasks.aggregation.figures import Floats
from tasks.aggregation.races import Races
from tasks.aggregation.results import find_orders
from tasks.lake.store import Lake
from tasks.rejects import count_rejects
from tasks.report.collect import ReportData, collect, page_key
from tasks.report.html import render
from tasks.runs import RunRecord


def find_page(lake: Lake, record: RunRecord) -> str | None:
    """Find the address of a run's page of what was asked, its results and rejects as they are now; None without one."""
    page = read_page(lake, record.run)
    is_of_now = page is not None and page_key(record, count_rejects(lake, record.rejects)) in page
    return lake.page(page_path(record.run)) if is_of_now else None


def write_page(planned: Plan, record: RunRecord) -> str:
    """Write a finished run's page.

    Args:
        planned: What was replayed.
        record: The run.

    Returns:
        The page's address.
    """
    lake = planned.run.lake
    report = _with_draws(collect(lake, record, planned.markets, planned.run.archives), planned)
    return lake.write_page(page_path(record.run), render(report))


def _with_draws(report: ReportData, planned: Plan) -> ReportData:
    """Draw the nets again: they depend on a variant's races alone, so these are those of the intervals."""
    if pd.concat([report.statistics, report.account])["net_low"].isna().all():
        return report
    rejected = find_orders(planned.run).without(report.unsettled).rejected
    variants = Races(report.orders, report.settled, planned.markets, rejected)
    draws = dict(_draw(variants, report.statistics))
    if len(report.account):
        left_out = {ACCOUNT: frozenset().union(*rejected.values())}
        account = Races(report.orders, report.account_settled, planned.markets, left_out)
        draws.update(_draw(account, report.account))
    return replace(report, draws=draws)


def _draw(races: Races, weighed: pd.DataFrame) -> Iterator[tuple[str, Floats]]:
    for told in races.alike(weighed.loc[weighed["net_low"].notna(), "strategy"].tolist()):
        sums = sum_races(races, told)
        drawn = bootstrap(sums.net, sums.turnover, sums.seed)
        yield from zip(told, drawn.nets.T, strict=True)
