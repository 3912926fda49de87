"""The aggregate stage: orders to results."""

import time

from prefect import flow
from pydantic import Field

from flows.parameters import BacktestParameters
from flows.report_page import has_page, origin_of, write_page
from flows.simulate import plan_run
from flows.stages import TASK_RUNNER, gather
from tasks.aggregation.stage import settle_task
from tasks.lake.runs import note_asked
from tasks.progress import Words
from tasks.rejects import RejectSource
from tasks.tally import StageRecord, completed


class AggregateRecord(StageRecord):
    """What the stage did.

    Attributes:
        run: The run's id: `results/…/run=<id>`.
        reject_sources: Where what was left out of it is; not told on.
    """

    run: str
    reject_sources: list[RejectSource] = Field(exclude=True)


@flow(name="aggregate", flow_run_name="aggregate {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def aggregate(parameters: BacktestParameters) -> AggregateRecord:
    """Settle each variant's orders, write the run's results, and its report.

    Args:
        parameters: What to backtest.

    Returns:
        Orders that went in and are in the results, and the run's id.

    Raises:
        ReplacedOrdersError: A chunk's orders are missing or of another selection; run the simulate stage.
        BalanceError: Orders or money do not add up.
    """
    started = time.monotonic()
    with parameters.opened_lake.alone():
        planned = plan_run(parameters)
        record = gather(
            "aggregate",
            Words("runs", "orders"),
            [settle_task.submit(planned.run, planned.markets)],
            [0],
            started=started,
        )
        origin = origin_of(parameters, planned)
        if not record.cached or not has_page(planned.run, origin):
            write_page(planned, origin)
        note_asked(planned.run.lake, planned.run.id)
    return completed(AggregateRecord(**record.model_dump(), run=planned.run.id, reject_sources=origin.reject_sources))
