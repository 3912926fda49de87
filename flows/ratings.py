"""The ratings stage: from a service's days, or a user's file, to rated runners."""

import logging
import time

from prefect import flow

from flows.archives import read_manifests
from flows.parameters import BacktestParameters
from flows.stages import TASK_RUNNER, gather
from tasks.archives.selection import read_catalogue, select_markets
from tasks.errors import InputError
from tasks.progress import Words
from tasks.ratings.days import RUNNER, check_usable, read_days
from tasks.ratings.stage import report_left_out, store_day_task
from tasks.tally import StageRecord, completed

logger = logging.getLogger("backtest")


@flow(name="ratings", flow_run_name="ratings {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def ratings(parameters: BacktestParameters) -> StageRecord:
    """Get the ratings of the selected markets into the lake.

    Args:
        parameters: What to backtest.

    Returns:
        Rows read, rows of markets in the archives, and rows left out: bad, repeated, or of markets in no archive.

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
        days = source.days(selected["market_date"])
        futures = [store_day_task.submit(lake, source, day) for day in days]
        record = gather("ratings", Words("days", "rows"), futures, [0] * len(days), started=started)
        rows = read_days(lake, source.name, days)
        archives = {manifest.archive: set(read_catalogue(lake, manifest)["market_id"]) for manifest in manifests}
        unmatched = report_left_out(lake, source, days, rows, archives)
        rated = rows.drop_duplicates(RUNNER)
        out = len(rated) - unmatched
        check_usable(lake, source, days, archives, out)
    unrated = ~selected["market_id"].isin(rated["market_id"])
    if unrated.any():
        logger.warning(
            "ratings: %d of %d selected markets have no ratings in %s", unrated.sum(), len(unrated), source.name
        )
    if unmatched:
        logger.info("ratings: %d rows of %s are for markets in no archive", unmatched, source.name)
    return completed(
        record.model_copy(update={"out": out, "rejected": record.taken - out, "seconds": time.monotonic() - started})
    )
