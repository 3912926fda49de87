"""The aggregate stage: from orders to results."""

import time
from datetime import UTC, datetime

from prefect import flow

from flows.backtest_report import read_report
from flows.parameters import BacktestParameters
from flows.plan import plan_run, write_simulate_rejects
from flows.report_page import find_page, write_page
from flows.stages import TASK_RUNNER, divide, gather
from tasks.aggregation.results import find_orders, results_digest
from tasks.aggregation.stage import find_settled, settle_task
from tasks.progress import Piece, Words, activity
from tasks.runs import note_asked, note_done
from tasks.tally import StageRecord, completed


class AggregateRecord(StageRecord):
    """The stage's record.

    Attributes:
        run: The run's id: `results/…/run=<id>`.
        page: Address of the run's report.
    """

    run: str
    page: str


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
        todo, done = divide(find_settled, [planned.run], [Piece()])
        record = gather(
            "aggregate",
            Words("runs", "orders", "runs"),
            {settle_task.submit(run, planned.markets): piece for _, run, piece in todo},
            done,
            started=started,
        )
        noted = note_asked(lake, planned.record)
        activity.begin("Writing the report")
        page = find_page(lake, noted) if record.cached else None
        if page is None:
            write_simulate_rejects(planned, find_orders(planned.run).rejects.values())
            page = write_page(planned, noted)
        results = results_digest(lake, noted.run)
        if (noted.state, noted.results) != ("done", results):
            note_done(lake, noted, results, read_report(noted.run, lake.root, page).headline, datetime.now(UTC))
    return completed(AggregateRecord(**record.model_dump(), run=planned.run.id, page=page))
