"""The aggregate stage: from orders to results."""

import time
from datetime import UTC, datetime

from prefect import flow

from flows.backtest_report import read_report
from flows.parameters import BacktestParameters
from flows.plan import plan_run
from flows.report_page import has_page, write_page
from flows.stages import TASK_RUNNER, gather
from tasks.aggregation.results import results_digest
from tasks.aggregation.stage import settle_task
from tasks.progress import Words
from tasks.runs import note_asked, note_done
from tasks.tally import StageRecord, completed


class AggregateRecord(StageRecord):
    """The stage's record, with the run's id: `results/…/run=<id>`."""

    run: str


@flow(name="aggregate", flow_run_name="aggregate {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def aggregate(parameters: BacktestParameters) -> AggregateRecord:
    """Settle each variant's orders, write the run's results, and its report.

    Args:
        parameters: What to backtest.

    Returns:
        Counts of orders read and settled, and the run's id.

    Raises:
        ReplacedOrdersError: A chunk's orders are missing or of another selection; run the simulate stage.
        BalanceError: Orders or money do not add up.
    """
    started = time.monotonic()
    lake = parameters.opened_lake
    with lake.alone():
        planned = plan_run(parameters)
        record = gather(
            "aggregate",
            Words("runs", "orders"),
            [settle_task.submit(planned.run, planned.markets)],
            [0],
            started=started,
        )
        noted = note_asked(lake, planned.record)
        if not record.cached or not has_page(lake, noted):
            write_page(planned, noted)
        results = results_digest(lake, noted.run)
        if (noted.state, noted.results) != ("done", results):
            note_done(lake, noted, results, read_report(noted.run, lake.root).headline, datetime.now(UTC))
    return completed(AggregateRecord(**record.model_dump(), run=planned.run.id))
