"""The ratings stage's Prefect task, and why ratings match no market."""

from collections.abc import Mapping

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.lake.store import Lake
from tasks.ratings.days import store_day
from tasks.ratings.source import RatingsSource
from tasks.rejects import Reject
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


def why_unmatched(unmatched: pd.DataFrame, markets: pd.DataFrame, others: Mapping[str, str]) -> list[Reject]:
    """Return why ratings match no market of a run.

    Args:
        unmatched: Rows from `read_days` that are not `of_its_own_day`.
        markets: The catalogues of the run's archives, as far as they are of the asked types.
        others: The types of the archives' other markets, by id.
    """
    date_of = markets.drop_duplicates("market_id").set_index("market_id")["market_date"].to_dict()
    return [
        Reject(str(market_id), "rated on another day", f"in the ratings of {day}, and the market is of {date}")
        if (date := date_of.get(market_id))
        else Reject(str(market_id), "rated, but of another market type", f"{other}, {len(runners)} runners")
        if (other := others.get(str(market_id)))
        else Reject(str(market_id), "rated, but in no archive of the run", f"{len(runners)} runners")
        for (market_id, day), runners in unmatched.groupby(["market_id", "day"])
    ]
