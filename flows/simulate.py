"""The simulate stage: replay each chunk for all variants at once, and write orders."""

import logging
import time
from dataclasses import replace
from functools import partial

from prefect import flow

from flows.executor import opened_executor
from flows.parameters import BacktestParameters
from flows.plan import plan_run, write_simulate_rejects
from flows.preloading import NEEDED_FOR_NEW_RESULTS, import_meanwhile
from flows.stages import divide, gather, waiting_threads
from tasks.aggregation.notices import nowhere_to_bet
from tasks.aggregation.results import Run, find_orders
from tasks.lake.datasets import ORDERS
from tasks.orders.coverage import OrderIndex, index_orders
from tasks.progress import Piece, Words, activity
from tasks.runs import note_asked
from tasks.simulation.instance_times import InstanceTimes
from tasks.simulation.stage import find_replayed, simulate_chunk_task
from tasks.tally import StageRecord, completed

logger = logging.getLogger("backtest")


@flow(name="simulate", flow_run_name="simulate {parameters.title}", persist_result=False)
def simulate(parameters: BacktestParameters) -> StageRecord:
    """Replay the selected markets and write each variant's orders.

    Args:
        parameters: What to backtest.

    Returns:
        Markets selected, replayed for every variant, and left out: an earlier archive has them, or flumine cannot
        replay them for some variant.

    Raises:
        ClusterError: The cluster does not answer, or one of its workers cannot replay.
        StageError: A strategy raised; the other chunks' orders are kept.
    """
    started = time.monotonic()
    with parameters.opened_lake.alone():
        planned = plan_run(parameters)
        run = planned.run
        activity.begin("Looking for orders that are in the lake already")
        note_asked(run.lake, planned.record)
        for sentence in nowhere_to_bet(run.variants, planned.markets):
            logger.warning("simulate: %s", sentence)
        index = index_orders(run.lake, run.jobs)
        _delete_old_orders(run, index)
        jobs = [replace(job, limits=parameters.limits) for job in run.jobs]
        size_of = dict(zip(planned.markets["market_id"], planned.markets["bytes"], strict=True))
        pieces = [Piece(len(job.market_ids), sum(map(size_of.__getitem__, job.market_ids))) for job in jobs]
        todo, done = divide(partial(find_replayed, index=index), jobs, pieces)
        times = InstanceTimes()
        asked = opened_executor(parameters, reads_archives=False, is_idle=not todo)
        with asked as executor, waiting_threads(executor) as runner:
            shared = {"index": index, "of": len(jobs), "executor": executor, "times": times}
            futures = {
                runner.submit(simulate_chunk_task, {"job": job, "number": number, "piece": piece, **shared}): piece
                for number, job, piece in todo
            }
            if futures:
                import_meanwhile(*NEEDED_FOR_NEW_RESULTS)
            record = gather("simulate", Words("chunks", "markets", "markets"), futures, done, started=started)
        for sentence in times.sentences(run.variants):
            logger.warning("simulate: %s", sentence)
        repeated = sum(map(len, planned.repeated.values()))
        write_simulate_rejects(planned, find_orders(run).rejects.values() if record.rejected else ())
    counted = {"taken": record.taken + repeated, "rejected": record.rejected + repeated}
    return completed(record.model_copy(update=counted))


def _delete_old_orders(run: Run, index: OrderIndex) -> None:
    """Delete orders that no run can reuse, so that readers of the lake's orders do not count them."""
    for file in index.superseded(run.variants):
        run.lake.delete(ORDERS.at(file.month, file.name))
    if folders := run.lake.forget_old(ORDERS):
        logger.info("simulate: deleted %d folders of orders from earlier versions; making the orders again", folders)
