"""The aggregate stage's Prefect task."""

from collections.abc import Sequence

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.aggregation.results import SETTLED, TAKEN, Run, find_results, write_results
from tasks.lake.parquet import LakeFile
from tasks.tally import Tally, completed


def find_settled(run: Run) -> Tally | None:
    """Count the orders in a run's results; None if any result has to be made."""
    files = find_results(run)
    return _count(files, cached=True) if files else None


@task(name="settle", task_run_name="settle {run.id}", cache_policy=NO_CACHE, persist_result=False)
def settle_task(run: Run, markets: pd.DataFrame) -> Tally:
    """Settle a run's orders and write its results.

    Args:
        markets: The selected rows of the catalogue.

    Returns:
        The orders taken and the orders in the results; the rest are in markets that cannot be settled.
    """
    if found := find_settled(run):
        return completed(found)
    return _count(write_results(run, markets), cached=False)


def _count(files: Sequence[LakeFile], *, cached: bool) -> Tally:
    taken, out = (int(files[0].notes[count]) for count in (TAKEN, SETTLED))
    return Tally(cached=cached, taken=taken, out=out, rejected=taken - out)
