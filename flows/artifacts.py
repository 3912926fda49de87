"""A run's artifacts in the UI: each stage's progress, and at the end the figures from the lake."""

import base64
import logging
import shlex
import time
from typing import TYPE_CHECKING, cast

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows.backtest_report import BacktestReport
from flows.markdown import as_code, as_text
from tasks.aggregation.equity import draw_equity
from tasks.aggregation.statistics import merit, say_net
from tasks.aggregation.words import plural
from tasks.lake.datasets import (
    RESULTS_ACCOUNT,
    RESULTS_ACCOUNT_MARKETS,
    RESULTS_DAYS,
    RESULTS_MARKETS,
    RESULTS_SUMMARY,
)
from tasks.lake.store import Lake
from tasks.progress import Progress
from tasks.rejects import count_rejects
from tasks.runs import read_run

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger("backtest")

_SECONDS_BETWEEN_UPDATES = 1.0

_SHOWN = ("strategy", "replayed", "refused", "bets", "turnover", "gross", "commission", "net")
_RATIOS = (("ROI on stake", "roi"), ("ROI on liability", "roi_on_liability"))
_DATASETS = (RESULTS_SUMMARY, RESULTS_DAYS, RESULTS_MARKETS)
_OF_ACCOUNT = (RESULTS_ACCOUNT, RESULTS_ACCOUNT_MARKETS)


class ProgressArtifact:
    """A stage's progress bar in the UI; created within the stage's flow run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        made = create_progress_artifact(0.0, key=progress.stage, description=progress.sentence())
        self._id = cast("UUID", made)  # a coroutine only if an event loop is running
        self._updated = time.monotonic()

    def update(self) -> None:
        """Update the bar, at most once per second."""
        now = time.monotonic()
        if self._progress.finished or now - self._updated >= _SECONDS_BETWEEN_UPDATES:
            self._updated = now
            update_progress_artifact(self._id, 100 * self._progress.fraction, self._progress.sentence())


def show_report(report: BacktestReport) -> None:
    """Create a run's artifacts: its variants, rejects, equity, and where the figures are."""
    lake = Lake(report.lake)
    record = read_run(lake, report.run)
    best = max(report.variants, key=merit)
    of_best = f"the best, {best['strategy']}: {say_net(best)}" if best["bets"] else "no bets"
    logger.info("backtest: run %s, %s; %s", report.run, plural(len(report.variants), "variant"), of_best)
    create_table_artifact(
        [_figures(row) for row in (*report.variants, *([report.account] if report.account else []))],
        key="variants",
        description=f"Run {report.run}: each variant's figures; money in the account's currency",
    )
    rejects = [
        {name: as_text(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in count_rejects(lake, record.rejects if record else ())
    ]
    create_table_artifact(
        rejects or [{"stage": "", "source": "", "reason": "nothing was left out", "count": 0, "for example": ""}],
        key="rejects",
        description=f"Run {report.run}: what was left out, and why",
    )
    create_markdown_artifact(
        _page(report, lake), key="report", description=f"Run {report.run}: its equity, and where its figures are"
    )


def _figures(variant: dict[str, object]) -> dict[str, object]:
    shown = {name: variant.get(name, "–") for name in _SHOWN}
    ratios = {name: "–" if (roi := variant[column]) is None else f"{roi:.1%}" for name, column in _RATIOS}
    return {**shown, **ratios, "parameters": as_text(str(variant.get("parameters", "–")))}


def _picture(report: BacktestReport, lake: Lake) -> list[str]:
    if "aggregate" in report.stages and report.stages["aggregate"].cached:
        # Drawing takes longer than all else of a run that has nothing to do.
        return ["The results were in the lake already; the report has their picture."]
    settled, together = (
        lake.read_all(dataset.at(report.run).folder).to_pandas()
        for dataset in (RESULTS_MARKETS, RESULTS_ACCOUNT_MARKETS)
    )
    drawn = base64.b64encode(draw_equity(settled, together)).decode()
    return [
        "Net of each variant, added up in order of settlement, in the account's currency",
        "",
        # Not an image artifact, which would print its address, here the whole data URL.
        f"![net of each variant](data:image/png;base64,{drawn})",
    ]


def _page(report: BacktestReport, lake: Lake) -> str:
    datasets = (*_DATASETS, *(_OF_ACCOUNT if report.account else ()))
    files = (dataset.at(report.run).path for dataset in datasets)
    return "\n".join(
        (
            *_picture(report, lake),
            "",
            *(f"- {as_text(row['strategy'])}: {as_text(row['verdict'])}" for row in report.statistics),
            *([f"- {as_text(report.account['verdict'])}"] if report.account else []),
            *(f"- {as_text(sentence)}" for sentence in report.out_of_sample),
            *(f"- Note: {as_text(sentence)}" for sentence in report.notices),
            "",
            f"In the lake {as_code(report.lake)}:",
            "",
            *(f"- {as_code(file)}" for file in files),
            "",
            f"The report, to be opened in a browser: {as_code(str(report.page))}",
            "",
            f"In a terminal: {as_code(shlex.join(['backtest', 'show', report.run, '--lake', report.lake]))}",
        )
    )
