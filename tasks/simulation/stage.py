"""The simulate stage's Prefect task and the jobs it is given; the replay itself is in the modules beside this one."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import cast

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.caching import Tally, ended
from tasks.errors import InputError
from tasks.extraction.extract import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.simulation.replay import Ratings, ReplayJob, find_orders, replay_chunk
from tasks.simulation.variant import Variant
from tasks.simulation.windows import types_of


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
def simulate_chunk_task(job: ReplayJob, number: int, of: int, pool: Executor) -> Tally:  # noqa: ARG001 - in the run's name
    """Replay one chunk once, for the variants that lack its orders.

    Args:
        job: What to do, with all variants that are asked for.
        number: Which of the stage's chunks this is, from 1.
        of: How many there are.
        pool: The worker processes.

    Returns:
        Markets that went in and were replayed for every variant.
    """
    found = find_orders(job)
    lacking = tuple(variant for variant in job.variants if variant.id not in found)
    if lacking:
        pool.submit(replay_chunk, replace(job, variants=lacking)).result()
    markets = len(job.market_ids)
    return ended(Tally(cached=not lacking, taken=markets, out=markets))
