"""The ratings stage: from a service's days, or a user's file, to rated runners."""

import logging
import time

import pandas as pd
from prefect import flow

from flows.archives import read_manifests
from flows.parameters import BacktestParameters
from flows.stages import TASK_RUNNER, gather
from tasks.archives.catalogue import read_catalogue
from tasks.archives.manifest import types_not_asked
from tasks.archives.selection import select_markets
from tasks.errors import InputError
from tasks.lake.datasets import RATINGS
from tasks.progress import Piece, Words, activity
from tasks.ratings.days import check_usable, load_ratings
from tasks.ratings.stage import store_day_task
from tasks.ratings.unmatched import write_unmatched
from tasks.tally import StageRecord, completed

logger = logging.getLogger("backtest")


@flow(name="ratings", flow_run_name="ratings {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def ratings(parameters: BacktestParameters) -> StageRecord:
    """Get the ratings of the selected markets into the lake.

    Args:
        parameters: What to backtest.

    Returns:
        Rows read, rows of the archives' markets of the asked types, and rows left out: bad, repeated, or of others.

    Raises:
        InputError: No ratings were given, an archive is not extracted, or no row can be used.
    """
    started = time.monotonic()
    lake, source = parameters.opened_lake, parameters.ratings_source
    if source is None:
        raise InputError("no ratings were given; give iggy, kash or the path of a CSV file")
    with lake.alone():
        manifests = read_manifests(parameters)
        selected, _ = select_markets(lake, manifests, parameters.markets)
        activity.begin(f"Reading the ratings of {source.name}")
        days = source.days(selected["market_date"])
        futures = {store_day_task.submit(lake, source, day): Piece() for day in days}
        record = gather("ratings", Words("days", "rows", "days"), futures, started=started)
        catalogues = (read_catalogue(lake, manifest) for manifest in manifests)
        markets = pd.concat([of_archive for of_archive in catalogues if len(of_archive)], ignore_index=True)
        archives = [manifest.title for manifest in manifests]
        unmatched = write_unmatched(lake, source, days, archives, markets, types_not_asked(lake, manifests))
        rows = {day: file.rows if (file := lake.find(RATINGS.at(source.name, day))) else 0 for day in days}
        out = sum(rows.values()) - unmatched
        check_usable(lake, source, days, archives, out)
        rated = load_ratings(lake, source, days, selected)
    if blank := [day for day in days if not rows[day]]:
        logger.warning("ratings: %s has none for %s", source.name, ", ".join(blank))
    unrated = ~selected["market_id"].isin(rated["market_id"])
    if unrated.any():
        logger.warning(
            "ratings: %d of %d selected markets have no ratings in %s", unrated.sum(), len(unrated), source.name
        )
    if unmatched:
        logger.info(
            "ratings: %d rows of %s are for no market of these archives and types on that day", unmatched, source.name
        )
    return completed(
        record.model_copy(update={"out": out, "rejected": record.taken - out, "seconds": time.monotonic() - started})
    )
