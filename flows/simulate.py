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
from tasks.simulation.stage import plan, simulate_chunk_task
from tasks.workers import worker_pool

if TYPE_CHECKING:
    from tasks.simulation.replay import Ratings


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
        Markets selected, replayed for every variant, and left out because an archive before has them.

    Raises:
        StageError: A strategy raised; the other chunks' orders are kept.
    """
    started = time.monotonic()
    with parameters.opened_lake.alone():
        planned = plan_run(parameters)
        left_out = sum(
            write_down(parameters.opened_lake, "simulate", archive, planned.repeated.get(archive, ()), "repeated")
            for archive in parameters.archive_names
        )
        jobs = [replace(job, limits=parameters.limits) for job in planned.run.jobs]
        sizes = planned.markets.groupby(["archive", "chunk"], sort=True)["bytes"].sum().tolist()
        with worker_pool(min(parameters.workers, len(jobs))) as pool:
            futures = [simulate_chunk_task.submit(job, n, len(jobs), pool) for n, job in enumerate(jobs, start=1)]
            record = gather("simulate", Words("chunks", "markets"), futures, sizes, started=started)
    return ended(record.model_copy(update={"taken": record.taken + left_out, "rejected": left_out}))
