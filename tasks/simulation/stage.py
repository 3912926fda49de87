"""The simulate stage's Prefect task and the jobs it is given; the replay itself is in the modules beside this one."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from strategies import STRATEGIES
from tasks.caching import Tally, ended
from tasks.errors import BacktestError, ChangedSourceError, InputError, ReplayError, WorkerError
from tasks.extraction.extract import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.simulation.job import Orders, Ratings, ReplayJob, find_orders, joined, write_orders
from tasks.simulation.replay import ReplayedChunk, replay_chunk, replay_market
from tasks.simulation.variant import Variant
from tasks.simulation.windows import types_of
from tasks.workers import WorkerPool

logger = logging.getLogger("backtest")


def plan(
    lake: Lake,
    markets: pd.DataFrame,
    variants: Sequence[Variant],
    ratings: Mapping[str, Ratings],
    market_types: Sequence[str] = (),
) -> list[ReplayJob]:
    """Make a job of every chunk that has selected markets.

    Args:
        lake: The lake.
        markets: The selected rows of the catalogue, with a column `archive`, in the order of replay.
        variants: All that are asked for.
        ratings: By the model's name.
        market_types: The filter's; none means all.

    Returns:
        The jobs, by archive and chunk.

    Raises:
        InputError: A chunk's catalogue is gone.
    """
    jobs, types = [], types_of(market_types)
    for key, chosen in markets.groupby(["archive", "chunk"], sort=True):
        archive, chunk = cast("tuple[str, int]", key)
        catalogue = lake.find(CATALOGUE_MARKETS, {"archive": archive}, chunk_name(chunk))
        if catalogue is None:
            raise InputError(f"chunk {chunk} of {archive} is not in the lake {lake.root}; extract it first")
        market_ids = tuple(chosen["market_id"])
        of_chunk = {
            model: {market_id: rated[market_id] for market_id in market_ids if market_id in rated}
            for model, rated in ratings.items()
        }
        upstream = catalogue.fingerprint
        jobs.append(ReplayJob(lake, archive, int(chunk), upstream, market_ids, tuple(variants), of_chunk, types))
    return jobs


@task(name="simulate chunk", task_run_name="simulate chunk {number}/{of}", cache_policy=NO_CACHE, persist_result=False)
def simulate_chunk_task(job: ReplayJob, number: int, of: int, pool: WorkerPool) -> Tally:  # noqa: ARG001 - in the run's name
    """Replay one chunk once, for the variants that lack its orders.

    Args:
        job: What to do, with all variants that are asked for.
        number: Which of the stage's chunks this is, from 1.
        of: How many there are.
        pool: The worker processes.

    Returns:
        Markets that went in, were replayed for every variant, and cannot be replayed for some.

    Raises:
        ReplayError: A strategy raised, looped, leaked, or changed what all share; the other variants' orders are
            written.
        WorkerError: A strategy ends its process; the other variants' orders are written.
        ChangedSourceError: A strategy's source changed; nothing that is older is used.
        BalanceError: Markets are missing from the orders, and are no rejects either.
    """
    orders = find_orders(job)
    lacking = tuple(variant for variant in job.variants if variant.id not in orders)
    if lacking:
        # A module of others may have patched this project's strategies as it was imported.
        groups = ([v for v in lacking if (v.name in STRATEGIES) == is_ours] for is_ours in (True, False))
        done = _together(*(_replay(replace(job, variants=tuple(group)), pool) for group in groups if group))
        for failure in done.failures[1:]:
            logger.warning("simulate: %s", str(failure).partition("\n")[0])
        for failure in done.failures:
            raise failure
        orders = {**orders, **done.orders}
    return ended(_count(job, orders, cached=not lacking))


def _count(job: ReplayJob, orders: Mapping[str, Orders], *, cached: bool) -> Tally:
    """Count markets where they went in and where they came out; each must be an order file's or a reject of it."""
    planned = set(job.market_ids)
    rejected: set[str] = set()
    replayed = set(planned)
    for variant in job.variants:
        file = orders[variant.id]
        rejected.update(reject.what for reject in file.rejects)
        replayed &= {*file.markets, *(reject.what for reject in file.rejects)}
    tally = Tally(cached=cached, taken=len(planned), out=len(replayed - rejected), rejected=len(rejected))
    return tally.balanced(f"simulate, chunk {job.chunk} of {job.archive}")


def _replay(job: ReplayJob, pool: WorkerPool) -> ReplayedChunk:
    """Replay a chunk for its variants: side by side, but for those that have to be by themselves."""
    try:
        done = pool.run(replay_chunk, job)
    except (ReplayError, WorkerError) as error:
        return _without_culprit(job, error, pool)
    again = _replay if len(job.variants) > 1 else _market_by_market
    leavers = [variant for variant in job.variants if variant.id in done.leavers]
    return _together(done, *(again(replace(job, variants=(variant,)), pool) for variant in leavers))


def _market_by_market(job: ReplayJob, pool: WorkerPool) -> ReplayedChunk:
    """Replay a chunk for one variant, each market in a process that has seen no other."""
    (variant,) = job.variants
    try:
        parts = [pool.run(replay_market, replace(job, market_ids=(market_id,))) for market_id in job.market_ids]
        return ReplayedChunk({variant.id: write_orders(job, variant, joined(parts))})
    except (ReplayError, WorkerError, ChangedSourceError) as error:
        return ReplayedChunk({}, [_of_variant(error, job)])


def _without_culprit(job: ReplayJob, error: ReplayError | WorkerError, pool: WorkerPool) -> ReplayedChunk:
    """Replay a chunk again that a variant spoiled for all; one whom nobody named is searched for by halves."""
    if len(job.variants) == 1:
        return ReplayedChunk({}, [_of_variant(error, job)])
    culprit = error.variant if isinstance(error, ReplayError) else ""
    if culprit:
        others = tuple(variant for variant in job.variants if variant.id != culprit)
        return _together(ReplayedChunk({}, [error]), _replay(replace(job, variants=others), pool))
    half = len(job.variants) // 2
    halves = (job.variants[:half], job.variants[half:])
    return _together(*(_replay(replace(job, variants=variants), pool) for variants in halves))


def _together(*parts: ReplayedChunk) -> ReplayedChunk:
    orders = {variant_id: orders for part in parts for variant_id, orders in part.orders.items()}
    return ReplayedChunk(orders, [failure for part in parts for failure in part.failures])


def _of_variant(error: BacktestError, job: ReplayJob) -> BacktestError:
    if not isinstance(error, WorkerError):
        return error
    first, last, (variant,) = job.market_ids[0], job.market_ids[-1], job.variants
    return WorkerError(f"{variant.id} on chunk {job.chunk} of {job.archive}, markets {first} to {last}: {error}")
