"""The aggregate stage's Prefect task; the work itself is in the modules beside this one."""

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.aggregation.results import Run, find_results, write_results
from tasks.caching import Tally, ended
from tasks.lake.datasets import ORDERS


@task(name="settle", task_run_name="settle {run.id}", cache_policy=NO_CACHE, persist_result=False)
def settle_task(run: Run, markets: pd.DataFrame) -> Tally:
    """Settle a run's orders and write its results.

    Args:
        run: The run.
        markets: The selected rows of the catalogue.

    Returns:
        Orders that went in and are in the results.
    """
    cached = find_results(run) is not None
    if not cached:
        write_results(run, markets)
    files = [run.lake.find(ORDERS, job.partition(variant)) for job in run.jobs for variant in run.variants]
    orders = sum(file.rows for file in files if file)
    return ended(Tally(cached=cached, taken=orders, out=orders))
