"""The aggregate stage: orders to results."""

import time

from prefect import flow

from flows.page import write_page
from flows.parameters import BacktestParameters
from flows.report import page_path
from flows.simulate import plan_run
from flows.stages import TASK_RUNNER, gather
from tasks.aggregation.stage import settle_task
from tasks.caching import StageRecord, ended
from tasks.progress import Words


class AggregateRecord(StageRecord):
    """What the stage did.

    Attributes:
        run: The run's id: `results/…/run=<id>`.
    """

    run: str


@flow(name="aggregate", flow_run_name="aggregate {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def aggregate(parameters: BacktestParameters) -> AggregateRecord:
    """Settle each variant's orders, write the run's results, and its report.

    Args:
        parameters: What to backtest.

    Returns:
        Orders that went in and are in the results, and the run's id.

    Raises:
        LakeError: A chunk's orders are missing; run the simulate stage.
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
        if not record.cached or not parameters.opened_lake.page(page_path(planned.run.id)):
            write_page(parameters, planned)
    return ended(AggregateRecord(**record.model_dump(), run=planned.run.id))
