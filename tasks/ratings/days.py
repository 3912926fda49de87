"""What the lake has of a ratings source's days, and what is left out of them."""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from tasks.errors import RatingsFileError, RatingsServiceError
from tasks.lake.datasets import RATINGS, REJECTS
from tasks.lake.fingerprint import digest, fingerprint
from tasks.lake.store import Lake
from tasks.ratings.predictions import ALL_DAYS
from tasks.ratings.source import RatingsSource
from tasks.rejects import RejectSource, as_table, count_rejects

logger = logging.getLogger("backtest")

VERSION = 1


class RatingsFiles(NamedTuple):
    """What the lake has of a source's day.

    Attributes:
        cached: Whether it was there already.
        kept: Rows kept.
        rejected: Rows rejected.
    """

    cached: bool
    kept: int
    rejected: int


def store_day(lake: Lake, source: RatingsSource, day: str) -> RatingsFiles:
    """Read a source's day into the lake, where it is not there already.

    A day that was blank is asked for again: its ratings may have been published since.

    Args:
        source: Where it is read.
        day: One of the source's days.

    Returns:
        What there is.

    Raises:
        RatingsServiceError: The service did not give the day, and never gave a blank one.
        RatingsFileError: The file cannot be read.
        ChangedSourceError: It is another by now.
    """
    decided_by = fingerprint(
        "ratings", version=VERSION, model=source.name, content=source.content, day=day, schema=RATINGS.layout
    )
    ratings_at, rejects_at = RATINGS.at(source.name, day), REJECTS.at("ratings", source.name, day)
    ratings, rejects = lake.fresh(ratings_at, decided_by), lake.fresh(rejects_at, decided_by)
    found = RatingsFiles(True, ratings.rows, rejects.rows) if ratings and rejects else None
    if found and found.kept + found.rejected:
        return found
    try:
        rows = source.read(day)
    except RatingsServiceError as error:
        if found is None:
            raise
        logger.warning("ratings: %s; the day was blank before and is taken as that", error)
        return found
    if found and not len(rows.ratings) + len(rows.rejects):
        return found
    table = rows.ratings.assign(source=source.address, fetched_at=pd.Timestamp.now("UTC").floor("ms"))
    rejects = lake.write(rejects_at, as_table(rows.rejects), decided_by)
    ratings = lake.write(ratings_at, pa.Table.from_pandas(table, RATINGS.schema, preserve_index=False), decided_by)
    return RatingsFiles(cached=False, kept=ratings.rows, rejected=rejects.rows)


def read_days(lake: Lake, name: str, days: Iterable[str]) -> pd.DataFrame:
    """Read all that the lake has of some days.

    Args:
        name: The source's.
        days: Some of its days.

    Returns:
        market_id, selection_id, rating and the day they are from, day by day.

    Raises:
        LakeError: A day is missing; run the ratings stage.
    """
    wanted = ["market_id", "selection_id", "rating"]
    read = [lake.read(RATINGS.at(name, day), wanted).to_pandas().assign(day=day) for day in days]
    days_read: pd.DataFrame = pd.concat(read, ignore_index=True)
    return days_read


def of_its_own_day(ratings: pd.DataFrame, markets: pd.DataFrame) -> pd.Series:
    """Tell which ratings are of a market's own day; a file's are of any.

    So a market has the same ratings whichever others are selected beside it, and with them whichever days are read.

    Args:
        ratings: From `read_days`.
        markets: market_id, market_date; a market may be in it twice.

    Returns:
        One a row of the ratings; False also where its market is none of these.
    """
    own = markets.drop_duplicates("market_id").set_index("market_id")["market_date"]
    day = ratings["market_id"].map(own.map(str))
    return day.notna() & ((ratings["day"] == ALL_DAYS) | (ratings["day"] == day))


def load_ratings(lake: Lake, name: str, days: Iterable[str], markets: pd.DataFrame) -> pd.DataFrame:
    """Read a source's ratings of some markets from the lake.

    Args:
        name: The source's.
        days: Of these markets.
        markets: Rows of the catalogue.

    Returns:
        market_id, selection_id, rating, each of the market's own day.

    Raises:
        LakeError: A day is missing; run the ratings stage.
    """
    ratings = read_days(lake, name, days)
    own = ratings.loc[of_its_own_day(ratings, markets), ["market_id", "selection_id", "rating"]]
    return own.reset_index(drop=True)


def left_out_name(archives: Iterable[str], days: Iterable[str]) -> str:
    """Name the file of what is left out of a source's days beside these archives.

    Args:
        archives: Their names in the lake.
        days: The source's.

    Returns:
        The file's name without its ending.
    """
    return "unmatched-" + digest(name.encode() for name in (*sorted(archives), *sorted(days)))


def check_usable(lake: Lake, source: RatingsSource, days: Sequence[str], archives: Iterable[str], usable: int) -> None:
    """Refuse ratings of which nothing can be used, where the rejects already say why.

    Args:
        source: Where the ratings are from.
        days: The source's.
        archives: The archives' names in the lake.
        usable: Rows that are of a market of the archives.

    Raises:
        RatingsFileError: There are none; the commonest reason is named.
    """
    if usable:
        return
    reasons = count_rejects(lake, [RejectSource("ratings", source.name, (*days, left_out_name(archives, days)))])
    if not reasons:
        raise RatingsFileError(f"{source.address}: there is no rating in it for the markets that were selected")
    first, *others = reasons
    more = "; the lake's rejects have other reasons, too" if others else ""
    raise RatingsFileError(
        f"{source.address}: not one row can be used: {first['reason']} (for example {first['for example']}){more}"
    )


def as_lookup(ratings: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Turn ratings into what a strategy looks up on a tick.

    Args:
        ratings: market_id, selection_id, rating.

    Returns:
        Market id to selection id to rating.
    """
    lookup: dict[str, dict[int, float]] = {}
    columns = (ratings[column].tolist() for column in ("market_id", "selection_id", "rating"))
    for market_id, selection_id, rating in zip(*columns, strict=True):
        lookup.setdefault(market_id, {})[selection_id] = rating
    return lookup
