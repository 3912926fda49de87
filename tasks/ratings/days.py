"""Store and read the days of a ratings source in the lake."""

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import chain
from typing import NamedTuple, Protocol

import pandas as pd
import pyarrow as pa

from tasks.errors import RatingsFileError, RatingsServiceError
from tasks.lake.datasets import RATINGS, REJECTS
from tasks.lake.fingerprint import digest, fingerprint
from tasks.lake.parquet import Reader
from tasks.lake.store import Lake
from tasks.ratings.clean import RatingRows
from tasks.ratings.predictions import ALL_DAYS
from tasks.ratings.source import RatingsSource
from tasks.rejects import RejectSource, as_table, count_rejects

logger = logging.getLogger("backtest")

VERSION = 1

FETCHED_AT = "fetched_at"
"""The note of a day's ratings that tells them from others of the day."""


class Identified(Protocol):
    """What identifies a source's ratings of a day.

    Attributes:
        name: Its name in the lake.
        content: A service's address, or the digest of a file's content.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - documented above

    @property
    def content(self) -> str: ...  # noqa: D102


class RatingsFiles(NamedTuple):
    """A source's day in the lake.

    Attributes:
        cached: Whether it was in the lake already.
        kept: Rows kept.
        rejected: Rows rejected.
    """

    cached: bool
    kept: int
    rejected: int

    @property
    def is_blank(self) -> bool:
        """Whether the source had nothing for the day that can be used."""
        return not self.kept

    def says(self, blocks: Sequence[RatingRows]) -> bool:
        """Return whether a day that is read again has as many rows of each kind."""
        kept = sum(block.ratings.num_rows for block in blocks)
        return (self.kept, self.rejected) == (kept, sum(len(block.rejects) for block in blocks))


def store_day(lake: Lake, source: RatingsSource, day: str) -> RatingsFiles:
    """Read a source's day into the lake, unless it is there already.

    A day that was blank is requested again: its ratings may have been published or corrected since.

    Raises:
        RatingsServiceError: The service did not return the day, and the lake does not have it as blank.
        RatingsFileError: The file cannot be read.
        ChangedSourceError: The file has changed.
    """
    found = _find_day(lake, source, day)
    if found and not found.is_blank:
        return found
    try:
        blocks = source.read(day)
        first = next(blocks, None)
    except RatingsServiceError as error:
        if found is None:
            raise
        logger.warning("ratings: %s; the day was blank before and is taken as that", error)
        return found
    read = chain([first] if first else [], blocks)
    if found:
        again = list(read)
        return found if found.says(again) else _write(lake, source, day, again)
    return _write(lake, source, day, read)


def _write(lake: Lake, source: RatingsSource, day: str, blocks: Iterable[RatingRows]) -> RatingsFiles:
    decided_by, fetched_at = fingerprint_of(source, day), pd.Timestamp.now("UTC").floor("ms")
    with (
        lake.writer(RATINGS.at(source.name, day), decided_by) as ratings,
        lake.writer(REJECTS.at("ratings", source.name, day), decided_by) as rejects,
    ):
        for block in blocks:
            if block.ratings.num_rows:
                ratings.write(_with(block.ratings, source=source.address, fetched_at=fetched_at))
            if block.rejects:
                rejects.write(as_table(block.rejects))
        ratings.notes[FETCHED_AT] = str(fetched_at)
    return RatingsFiles(cached=False, kept=ratings.rows, rejected=rejects.rows)


def _with(table: pa.Table, **constants: object) -> pa.Table:
    for name, value in constants.items():
        column = RATINGS.schema.field(name)
        table = table.append_column(column, pa.repeat(pa.scalar(value, column.type), table.num_rows))
    return table


def are_published_since(lake: Lake, source: RatingsSource, days: Iterable[str]) -> bool:
    """Return whether any day that was blank when it was read has other rows now; no, once a service does not answer.

    Raises:
        RatingsFileError: The file cannot be read.
        ChangedSourceError: The file has changed.
    """
    found = ((day, _find_day(lake, source, day)) for day in days)
    blank = ((day, files) for day, files in found if files and files.is_blank)
    # A service that is down is tried for minutes: not again for each day.
    with suppress(RatingsServiceError):
        return any(not files.says(list(source.read(day))) for day, files in blank)
    return False


def _find_day(lake: Lake, source: RatingsSource, day: str) -> RatingsFiles | None:
    decided_by = fingerprint_of(source, day)
    ratings = lake.fresh(RATINGS.at(source.name, day), decided_by)
    rejects = lake.fresh(REJECTS.at("ratings", source.name, day), decided_by)
    return RatingsFiles(True, ratings.rows, rejects.rows) if ratings and rejects else None


def fingerprint_of(source: Identified, day: str) -> str:
    """Return the fingerprint of a source's ratings of a day."""
    return fingerprint(
        "ratings", version=VERSION, model=source.name, content=source.content, day=day, schema=RATINGS.layout
    )


def opened_day(lake: Lake, source: Identified, day: str) -> AbstractContextManager[Reader]:
    """Open a source's ratings of a day.

    Raises:
        LakeError: The day is missing; run the ratings stage.
        ChangedFileError: It is there from another address, or by another version; run the ratings stage.
    """
    return lake.reader(RATINGS.at(source.name, day), fingerprint_of(source, day))


def markets_of(day: str, markets: pd.DataFrame) -> list[str]:
    """Return the markets whose ratings are those of a day: their own; a file's ratings are of any day.

    So a market's ratings do not depend on which other markets are selected, and thus which days are read.

    Args:
        day: From a source's `days`.
        markets: market_id, market_date; may contain a market twice, of which the first row counts.
    """
    each = markets.drop_duplicates("market_id")
    own: list[str] = each.loc[(day == ALL_DAYS) | (each["market_date"].map(str) == day), "market_id"].tolist()
    return own


def load_ratings(lake: Lake, source: Identified, days: Iterable[str], markets: pd.DataFrame) -> pd.DataFrame:
    """Read a source's ratings of some markets from the lake, and no others.

    Args:
        source: The source, or what a run's record says of it.
        days: The source's, for these markets.
        markets: Rows of the catalogue.

    Returns:
        market_id, selection_id, rating, each of the market's own day.

    Raises:
        LakeError: As `opened_day`.
    """
    wanted = ["market_id", "selection_id", "rating"]
    read = [RATINGS.schema.empty_table().select(wanted)]
    for day in days:
        with opened_day(lake, source, day) as reader:
            read += reader.pieces_with("market_id", markets_of(day, markets), wanted)
    ratings: pd.DataFrame = pa.concat_tables(read).to_pandas()
    return ratings


def left_out_name(archives: Iterable[str], days: Iterable[str]) -> str:
    """Return the name, without extension, of the rejects file for a source's days and archives, by `Manifest.title`."""
    return "unmatched-" + digest(name.encode() for name in (*sorted(archives), *sorted(days)))


def check_usable(lake: Lake, source: RatingsSource, days: Sequence[str], archives: Iterable[str], usable: int) -> None:
    """Raise an error, with the reason from the rejects, if no rating can be used.

    Args:
        source: The ratings' source.
        days: The source's.
        archives: As for `left_out_name`.
        usable: Number of ratings for markets of the archives.

    Raises:
        RatingsFileError: There are none; the message gives the commonest reason.
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
    """Convert ratings to nested dictionaries for fast look-up by a strategy: market id to selection id to rating."""
    lookup: dict[str, dict[int, float]] = {}
    columns = (ratings[column].tolist() for column in ("market_id", "selection_id", "rating"))
    for market_id, selection_id, rating in zip(*columns, strict=True):
        lookup.setdefault(market_id, {})[selection_id] = rating
    return lookup
