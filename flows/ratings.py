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
from tasks.progress import Piece, Words, activity
from tasks.ratings.days import check_usable, left_out_name, of_its_own_day, read_days
from tasks.ratings.stage import store_day_task, why_unmatched
from tasks.rejects import write_down
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
        rows = read_days(lake, source.name, days)
        catalogues = (read_catalogue(lake, manifest) for manifest in manifests)
        markets = pd.concat([of_archive for of_archive in catalogues if len(of_archive)], ignore_index=True)
        is_own = of_its_own_day(rows, markets)
        archives = [manifest.title for manifest in manifests]
        rejects = why_unmatched(rows[~is_own], markets, types_not_asked(lake, manifests))
        write_down(lake, "ratings", source.name, rejects, left_out_name(archives, days))
        out = int(is_own.sum())
        check_usable(lake, source, days, archives, out)
    if blank := [day for day in days if day not in set(rows["day"])]:
        logger.warning("ratings: %s has none for %s", source.name, ", ".join(blank))
    unrated = ~selected["market_id"].isin(rows.loc[is_own, "market_id"])
    if unrated.any():
        logger.warning(
            "ratings: %d of %d selected markets have no ratings in %s", unrated.sum(), len(unrated), source.name
        )
    if unmatched := len(rows) - out:
        logger.info(
            "ratings: %d rows of %s are for no market of these archives and types on that day", unmatched, source.name
        )
    return completed(
        record.model_copy(update={"out": out, "rejected": record.taken - out, "seconds": time.monotonic() - started})
    )
