"""The ratings stage's Prefect task, and the report of what matches no market; the rest is in the modules beside it."""

from collections.abc import Sequence

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.lake.store import Lake
from tasks.ratings.days import RUNNER, left_out_name, store_day
from tasks.ratings.source import RatingsSource
from tasks.rejects import Reject, write_down
from tasks.tally import Tally, completed


@task(name="ratings of a day", task_run_name="ratings {source.name} {day}", cache_policy=NO_CACHE, persist_result=False)
def store_day_task(lake: Lake, source: RatingsSource, day: str) -> Tally:
    """Read a source's day into the lake.

    Args:
        source: Where the ratings are from.
        day: One of the source's days.

    Returns:
        Rows read, kept and rejected.
    """
    files = store_day(lake, source, day)
    return completed(
        Tally(cached=files.cached, taken=files.kept + files.rejected, out=files.kept, rejected=files.rejected)
    )


def report_left_out(
    lake: Lake, source: RatingsSource, days: Sequence[str], ratings: pd.DataFrame, archives: dict[str, set[str]]
) -> int:
    """Write down what is left out of a source's days: a rejects file of its own for each set of archives and days.

    Args:
        source: Where the ratings are from.
        days: The source's.
        ratings: Those of these days, day by day.
        archives: Market ids of each archive, whole.

    Returns:
        How many rows are of markets that no archive has.
    """
    known = set().union(*archives.values())
    repeated = ratings.duplicated(RUNNER)
    unmatched = ratings[~repeated & ~ratings["market_id"].isin(known)]
    rejects = [
        Reject(str(market_id), "rated, but in no archive of the run", f"{runners} runners")
        for market_id, runners in unmatched.groupby("market_id").size().items()
    ]
    rejects += [
        Reject(
            f"{row.market_id} {row.selection_id}", "rated on a day before, too", f"that one stands, not {row.rating}"
        )
        for row in ratings[repeated].itertuples()
    ]
    write_down(lake, "ratings", source.name, rejects, left_out_name(archives, days))
    return len(unmatched)
