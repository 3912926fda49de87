"""A finished run's report, read from the lake: for the command line, its JSON, and `backtest show`."""

import json
from typing import Any

import pandas as pd
from pydantic import BaseModel

from tasks.aggregation.account import say_account
from tasks.aggregation.results import NOTICES, WRITTEN, made_of
from tasks.aggregation.split import say_split
from tasks.aggregation.statistics import merit, verdict
from tasks.errors import InputError
from tasks.lake.dataset import ByRun
from tasks.lake.datasets import (
    DATASETS,
    RESULTS_ACCOUNT,
    RESULTS_REFUSED,
    RESULTS_SPLIT,
    RESULTS_STATISTICS,
    RESULTS_SUMMARY,
)
from tasks.lake.store import Lake
from tasks.runs import latest_run
from tasks.settings import Settings
from tasks.tally import StageRecord


class BacktestReport(BaseModel):
    """A backtest's results.

    Attributes:
        run: Its id: `results/…/run=<id>`.
        lake: The lake's root.
        stages: Each stage's counts, in order; empty for a past run.
        variants: Rows of `results/summary`, the parameters as an object.
        page: Address of its HTML report; None if there is none of these results.
        statistics: Rows of `results/statistics`, in the same order, each with its `verdict` in words.
        account: The row of `results/account`, with its `verdict`; None without `together`.
        refused: Rows of `results/refused`.
        split: Rows of `results/split`; empty without a split.
        out_of_sample: The conclusions from `split`, in words.
        notices: What the user should know before relying on the figures.
    """

    run: str
    lake: str
    stages: dict[str, StageRecord] = {}
    variants: list[dict[str, Any]]
    statistics: list[dict[str, Any]] = []
    account: dict[str, Any] | None = None
    refused: list[dict[str, Any]] = []
    split: list[dict[str, Any]] = []
    out_of_sample: list[str] = []
    notices: list[str] = []
    page: str | None = None

    @property
    def headline(self) -> str:
        """What may be concluded, in a sentence: about the account if there is one, else about the best variant."""
        if self.account:
            return str(self.account["verdict"])
        best = max(self.statistics, key=merit)
        return f"{best['strategy']}: {best['verdict']}"


def page_path(run: str) -> str:
    """Return the path of a run's page, relative to the lake's root."""
    return f"results/report/run={run}/report.html"


def read_page(lake: Lake, run: str) -> str | None:
    """Return the HTML of a run's page; None if there is none, or if it shows other results than the lake's.

    It can if a run with new results was killed before it wrote its page.
    """
    results, page = lake.find(RESULTS_SUMMARY.at(run)), lake.read_page(page_path(run))
    return page if results and page and made_of(results) in page else None


def read_report(run: str | None, root: str | None, page: str | None = None) -> BacktestReport:
    """Read a run's report.

    Args:
        run: Its id; None means the latest.
        root: The lake's root; None means the settings'.
        page: Address of its page, if known to show these results; None reads the page to find out.

    Raises:
        InputError: There is no such run; the message lists the existing ones.
    """
    lake = Lake(root or Settings().lake)
    lake.check_answers()
    wanted, runs = run or latest_run(lake), lake.values(RESULTS_SUMMARY)
    # Check against the listing first: other text may not be allowed in a path.
    results = lake.find(RESULTS_SUMMARY.at(wanted)) if wanted in runs else None
    if wanted is None or results is None:
        raise InputError(
            f"no run {f'{run} ' if run else ''}in the lake {lake.root}; existing runs: {', '.join(runs) or 'none'}"
        )
    written = json.loads(results.notes.get(WRITTEN, "[]"))
    files = [
        lake.find(dataset.at(wanted)) if isinstance(dataset := DATASETS.get(name), ByRun) else None for name in written
    ]
    is_one_making = written and all(file and made_of(file) == made_of(results) for file in files)
    if not is_one_making or results.fingerprint[:8] != wanted[-8:]:
        raise InputError(
            f"run {wanted} in the lake {lake.root} has lost results, or has another run's; run its backtest again"
        )
    rows = lake.read(RESULTS_SUMMARY.at(wanted)).to_pylist()
    variants = [{**row, "parameters": json.loads(row["parameters"])} for row in rows]
    refused = lake.read(RESULTS_REFUSED.at(wanted)).to_pylist()
    weighed = lake.read(RESULTS_STATISTICS.at(wanted)).to_pylist()
    no_bets = {row["strategy"]: row["no_bets"] for row in rows}
    statistics = [{**row, "verdict": verdict({**row, "no_bets": no_bets[row["strategy"]]})} for row in weighed]
    split = lake.read_all(RESULTS_SPLIT.at(wanted).folder).to_pylist()
    together = lake.read_all(RESULTS_ACCOUNT.at(wanted).folder).to_pylist()
    return BacktestReport(
        run=wanted,
        lake=lake.root,
        variants=variants,
        statistics=statistics,
        account=next(({**row, "verdict": say_account(row)} for row in together), None),
        refused=refused,
        split=split,
        out_of_sample=say_split(split),
        notices=json.loads(results.notes.get(NOTICES, "[]")),
        page=page or (lake.page(page_path(wanted)) if read_page(lake, wanted) else None),
    )


def as_csv(report: BacktestReport) -> str:
    """Write a run's figures as CSV, for a spreadsheet.

    Returns:
        A header, a row per variant, and the account's row if there is one. The columns are those of `results/summary`,
        then those that `results/statistics` adds.
    """
    rows = [
        {**statistic, **variant, "parameters": json.dumps(variant["parameters"], sort_keys=True)}
        for variant, statistic in zip(report.variants, report.statistics, strict=True)
    ]
    columns = list({**dict.fromkeys(report.variants[0]), **dict.fromkeys(rows[0])})
    together = [report.account] if report.account else []
    # As objects, so that integers stay integers in columns with missing values.
    return str(pd.DataFrame([*rows, *together], columns=columns, dtype=object).to_csv(index=False))
