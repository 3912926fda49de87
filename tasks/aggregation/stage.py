"""The aggregate stage's Prefect task; the work itself is in the modules beside this one."""

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.aggregation.results import SETTLED, TAKEN, Run, find_results, write_results
from tasks.tally import Tally, completed


@task(name="settle", task_run_name="settle {run.id}", cache_policy=NO_CACHE, persist_result=False)
def settle_task(run: Run, markets: pd.DataFrame) -> Tally:
    """Settle a run's orders and write its results.

    Args:
        markets: The selected rows of the catalogue.

    Returns:
        Orders that went in and are in the results; the others are of markets that cannot be settled.
    """
    found = find_results(run)
    files = found or write_results(run, markets)
    taken, out = (int(files[0].notes[count]) for count in (TAKEN, SETTLED))
    return completed(Tally(cached=found is not None, taken=taken, out=out, rejected=taken - out))
