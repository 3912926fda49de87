"""The simulate stage's Prefect task and the jobs it is given; the replay itself is in the modules beside this one."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.caching import Tally, ended
from tasks.errors import BacktestError, InputError, ReplayError, WorkerError
from tasks.extraction.extract import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.simulation.replay import Ratings, ReplayJob, find_orders, replay_chunk
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
        Markets that went in and were replayed for every variant.

    Raises:
        ReplayError: A strategy raised, looped, leaked or changed a market book; the other variants' orders are written.
        WorkerError: A strategy ends its process; the other variants' orders are written.
    """
    found = find_orders(job)
    lacking = tuple(variant for variant in job.variants if variant.id not in found)
    if lacking and (failures := _replay(replace(job, variants=lacking), pool)):
        for failure in failures[1:]:
            logger.warning("simulate: %s", str(failure).partition("\n")[0])
        raise failures[0]
    markets = len(job.market_ids)
    return ended(Tally(cached=not lacking, taken=markets, out=markets))


def _replay(job: ReplayJob, pool: WorkerPool) -> list[BacktestError]:
    """Replay a chunk; where a variant fails, again without it, until the others are done."""
    try:
        pool.run(replay_chunk, job)
    except (ReplayError, WorkerError) as error:
        failed = error.variant if isinstance(error, ReplayError) else ""
        if len(job.variants) == 1:
            return [_of_variant(error, job)]
        if failed:
            others = tuple(variant for variant in job.variants if variant.id != failed)
            return [error, *_replay(replace(job, variants=others), pool)]
        # Nobody was named, so it is searched for by halves.
        half = len(job.variants) // 2
        halves = (job.variants[:half], job.variants[half:])
        return [failure for variants in halves for failure in _replay(replace(job, variants=variants), pool)]
    return []


def _of_variant(error: BacktestError, job: ReplayJob) -> BacktestError:
    if not isinstance(error, WorkerError):
        return error
    first, last, (variant,) = job.market_ids[0], job.market_ids[-1], job.variants
    return WorkerError(f"{variant.id} on chunk {job.chunk} of {job.archive}, markets {first} to {last}: {error}")
