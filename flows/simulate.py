"""The simulate stage: one replay a chunk, all variants at once, to orders."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from prefect import flow

from flows.parameters import BacktestParameters
from flows.stages import TASK_RUNNER, gather
from tasks.aggregation.results import Run
from tasks.aggregation.split import fold
from tasks.caching import StageRecord, ended
from tasks.progress import Words
from tasks.ratings.model import as_lookup, load_ratings
from tasks.rejects import Reject, write_down
from tasks.selection import select_markets
from tasks.simulation.job import find_orders
from tasks.simulation.stage import plan, simulate_chunk_task
from tasks.workers import worker_pool

if TYPE_CHECKING:
    from tasks.simulation.job import Ratings


class Plan(NamedTuple):
    """What parameters and lake together say is to be replayed.

    Attributes:
        run: The run: its variants and the chunks they are replayed on.
        markets: The selected rows of the catalogue.
        repeated: By archive, markets that an archive before has.
    """

    run: Run
    markets: pd.DataFrame
    repeated: Mapping[str, list[Reject]]


def plan_run(parameters: BacktestParameters) -> Plan:
    """Say what is to be replayed; the simulate and the aggregate stage both need to know.

    Args:
        parameters: What to backtest.

    Returns:
        The plan.

    Raises:
        InputError: A parameter is wrong, an archive was not extracted, no market passes the filter, or the split leaves
            none on one side.
        LakeError: Ratings are missing; run their stage.
    """
    lake, model = parameters.opened_lake, parameters.ratings_model
    markets, repeated = select_markets(lake, parameters.archive_names, parameters.markets)
    if parameters.split:
        fold(markets, parameters.split)
    rated: dict[str, Ratings] = {}
    if model and any(variant.ratings for variant in parameters.variants):
        rated[model.name] = as_lookup(load_ratings(lake, model, markets["market_date"]))
    jobs = tuple(plan(lake, markets, parameters.variants, rated, parameters.markets.market_types))
    run = Run(lake, parameters.variants, jobs, parameters.commission_rate, parameters.split)
    return Plan(run, markets, repeated)


@flow(name="simulate", flow_run_name="simulate {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def simulate(parameters: BacktestParameters) -> StageRecord:
    """Replay the selected markets and write each variant's orders.

    Args:
        parameters: What to backtest.

    Returns:
        Markets selected, replayed for every variant, and left out: an archive before has them, or flumine cannot replay
        them for some variant.

    Raises:
        StageError: A strategy raised; the other chunks' orders are kept.
    """
    started = time.monotonic()
    with parameters.opened_lake.alone():
        planned = plan_run(parameters)
        jobs = [replace(job, limits=parameters.limits) for job in planned.run.jobs]
        sizes = planned.markets.groupby(["archive", "chunk"], sort=True)["bytes"].sum().tolist()
        with worker_pool(min(parameters.workers, len(jobs))) as pool:
            futures = [simulate_chunk_task.submit(job, n, len(jobs), pool) for n, job in enumerate(jobs, start=1)]
            record = gather("simulate", Words("chunks", "markets"), futures, sizes, started=started)
        repeated = sum(map(len, planned.repeated.values()))
        for archive in parameters.archive_names:
            unplayable = _unplayable(planned.run, archive) if record.rejected else []
            rejects = [*planned.repeated.get(archive, ()), *unplayable]
            write_down(parameters.opened_lake, "simulate", archive, rejects, planned.run.id)
    counted = {"taken": record.taken + repeated, "rejected": record.rejected + repeated}
    return ended(record.model_copy(update=counted))


def _unplayable(run: Run, archive: str) -> list[Reject]:
    jobs = (job for job in run.jobs if job.archive == archive)
    return [reject for job in jobs for orders in find_orders(job).values() for reject in orders.rejects]
