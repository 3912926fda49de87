"""The aggregate stage: orders to results."""

import time

from prefect import flow

from flows.parameters import BacktestParameters
from flows.simulate import plan_run
from flows.stages import TASK_RUNNER, gather
from tasks.aggregation.stage import settle_task
from tasks.caching import StageRecord, ended
from tasks.progress import Words


@flow(name="aggregate", task_runner=TASK_RUNNER, persist_result=False)
def aggregate(parameters: BacktestParameters) -> StageRecord:
    """Settle each variant's orders and write the run's results.

    Args:
        parameters: What to backtest.

    Returns:
        Orders that went in and are in the results.

    Raises:
        LakeError: A chunk's orders are missing; run the simulate stage.
        BalanceError: Orders or money do not add up.
    """
    started = time.monotonic()
    planned = plan_run(parameters)
    return ended(
        gather(
            "aggregate",
            Words("runs", "orders"),
            [settle_task.submit(planned.run, planned.markets)],
            [0],
            started=started,
        )
    )
