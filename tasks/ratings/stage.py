"""The ratings stage's Prefect task."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.lake.store import Lake
from tasks.ratings.days import store_day
from tasks.ratings.source import RatingsSource
from tasks.tally import Tally, completed


@task(name="ratings of a day", task_run_name="ratings {source.name} {day}", cache_policy=NO_CACHE, persist_result=False)
def store_day_task(lake: Lake, source: RatingsSource, day: str) -> Tally:
    """Read a source's day into the lake.

    Returns:
        Rows read, kept and rejected.
    """
    files = store_day(lake, source, day)
    return completed(
        Tally(cached=files.cached, taken=files.kept + files.rejected, out=files.kept, rejected=files.rejected)
    )
