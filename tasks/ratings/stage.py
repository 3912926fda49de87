"""The ratings stage's Prefect task, and the report of what matches no market; the rest is in the modules beside it."""

import pandas as pd
import requests
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.caching import Tally, ended
from tasks.lake.fingerprint import digest
from tasks.lake.store import Lake
from tasks.ratings.model import Model, store_day
from tasks.rejects import Reject, write_down


@task(name="ratings of a day", task_run_name="ratings {model.name} {day}", cache_policy=NO_CACHE, persist_result=False)
def store_day_task(lake: Lake, model: Model, day: str, http: requests.Session) -> Tally:
    """Fetch a model's day, or read its file, into the lake.

    Args:
        lake: The lake.
        model: The model.
        day: A day, or `all` for a file.
        http: For services.

    Returns:
        Rows read, kept and rejected.
    """
    files = store_day(lake, model, day, http)
    return ended(Tally(cached=files.cached, taken=files.kept + files.rejected, out=files.kept, rejected=files.rejected))


def report_unmatched(lake: Lake, model: Model, ratings: pd.DataFrame, archives: dict[str, set[str]]) -> int:
    """Write down which rated markets no archive has: a rejects file of its own for each set of archives.

    Args:
        lake: The lake.
        model: The model.
        ratings: Its ratings of the archives' days.
        archives: Market ids of each archive, whole.

    Returns:
        How many rows match no market.
    """
    known = set().union(*archives.values())
    unmatched = ratings[~ratings["market_id"].isin(known)]
    rejects = [
        Reject(str(market_id), "rated, but in no archive of the run", f"{runners} runners")
        for market_id, runners in unmatched.groupby("market_id").size().items()
    ]
    write_down(lake, "ratings", model.name, rejects, "unmatched-" + digest(name.encode() for name in sorted(archives)))
    return len(unmatched)
