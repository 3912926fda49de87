"""A ratings model: where its ratings come from, which files of the lake hold them, and what is left out of them."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import PurePosixPath
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import requests

from tasks.addresses import shown, shown_within
from tasks.errors import RatingsFileError
from tasks.lake.datasets import RATINGS, REJECTS
from tasks.lake.fingerprint import digest, fingerprint
from tasks.lake.store import Lake
from tasks.ratings.columns import RatingRows
from tasks.ratings.predictions import open_file, read_predictions
from tasks.ratings.services import SERVICES, fetch_day, parse_day
from tasks.rejects import RejectSource, as_table, count_rejects

VERSION = 1

# The partition of a file that covers any number of days.
ALL_DAYS = "all"

# What tells one rated runner from another.
RUNNER = ["market_id", "selection_id"]

_DIGITS = 8


class Model(NamedTuple):
    """A ratings model.

    Attributes:
        name: What the lake calls it: a service's name; a file's name and a digest of its content.
        source: The service's address, or the file's, without what may be secret.
        content: What decides its ratings besides the day: the address, or the digest of the file's content.
        asked: The address with all that is in it, where it is asked or read, and which is in nothing else.
    """

    name: str
    source: str
    content: str
    asked: str

    @property
    def is_service(self) -> bool:
        """Whether it is fetched day by day."""
        return self.name in SERVICES

    def days(self, market_dates: "pd.Series[date]") -> list[str]:
        """Say which partitions are needed.

        Args:
            market_dates: Days of the markets to be rated, where their tracks are.

        Returns:
            Values of the partition `date`, in order.
        """
        if not self.is_service:
            return [ALL_DAYS]
        return sorted({day.isoformat() for day in market_dates})


def find_model(ratings: str, base_url: str) -> Model:
    """Find the model a user means.

    Args:
        ratings: `iggy`, `kash`, or the path or URL of a CSV file.
        base_url: Where the services are.

    Returns:
        The model.

    Raises:
        RatingsFileError: There is no such file.
    """
    if ratings in SERVICES:
        return Model(ratings, shown(base_url), shown(base_url), base_url)
    source = shown(ratings)
    try:
        with open_file(ratings) as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except Exception as error:  # noqa: BLE001 - each kind of store raises its own
        # Of a server, fsspec says that there is nothing, whatever it met with.
        why = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        if not isinstance(why, FileNotFoundError):
            raise RatingsFileError(
                f"{source}: cannot be opened ({shown_within(str(why))}); download it and give its path"
            ) from None
        raise RatingsFileError(
            f"{source}: no such ratings; give {' or '.join(SERVICES)}, or the path of a CSV file with the columns "
            "market_id, selection_id, rating"
        ) from None
    stem = re.sub(r"[^\w.-]+", "_", PurePosixPath(source.replace("\\", "/")).stem).lstrip(".")
    return Model(f"{stem}-{content[:_DIGITS]}", source, content, ratings)


class RatingsFiles(NamedTuple):
    """What the lake has of a model's day.

    Attributes:
        cached: Whether it was there already.
        kept: Rows kept.
        rejected: Rows rejected.
    """

    cached: bool
    kept: int
    rejected: int


def store_day(lake: Lake, model: Model, day: str, http: requests.Session) -> RatingsFiles:
    """See to it that a model's day is in the lake.

    Args:
        lake: The lake.
        model: The model.
        day: A value of `Model.days`.
        http: For services.

    Returns:
        What there is.

    Raises:
        RatingsServiceError: The service did not give the day.
        RatingsFileError: The file cannot be read.
        ChangedSourceError: It is another by now.
    """
    decided_by = fingerprint(
        "ratings", version=VERSION, model=model.name, content=model.content, day=day, schema=RATINGS.layout
    )
    ratings_at = (RATINGS, {"model": model.name, "date": day})
    rejects_at = (REJECTS, {"stage": "ratings", "source": model.name})
    ratings, rejects = lake.fresh(*ratings_at, decided_by), lake.fresh(*rejects_at, decided_by, day)
    if ratings and rejects:
        return RatingsFiles(cached=True, kept=ratings.rows, rejected=rejects.rows)
    rows = _read(model, day, http)
    table = rows.ratings.assign(source=model.source, fetched_at=pd.Timestamp.now("UTC").floor("ms"))
    rejects = lake.write(*rejects_at, as_table(rows.rejects), decided_by, day)
    ratings = lake.write(*ratings_at, pa.Table.from_pandas(table, RATINGS.schema, preserve_index=False), decided_by)
    return RatingsFiles(cached=False, kept=ratings.rows, rejected=rejects.rows)


def _read(model: Model, day: str, http: requests.Session) -> RatingRows:
    if not model.is_service:
        return read_predictions(model.asked, model.content)
    service, when = SERVICES[model.name], date.fromisoformat(day)
    return parse_day(fetch_day(http, service, when, model.asked), service, when)


def read_days(lake: Lake, model: Model, market_dates: "pd.Series[date]") -> pd.DataFrame:
    """Read all that the lake has of a model's days.

    Args:
        lake: The lake.
        model: The model.
        market_dates: Days of the markets to be rated.

    Returns:
        market_id, selection_id, rating, day by day.

    Raises:
        LakeError: A day is missing; run the ratings stage.
    """
    wanted = ["market_id", "selection_id", "rating"]
    days: list[pd.DataFrame] = [
        lake.read(RATINGS, {"model": model.name, "date": day}, columns=wanted).to_pandas()
        for day in model.days(market_dates)
    ]
    return pd.concat(days, ignore_index=True)


def load_ratings(lake: Lake, model: Model, market_dates: "pd.Series[date]") -> pd.DataFrame:
    """Read a model's ratings from the lake.

    Args:
        lake: The lake.
        model: The model.
        market_dates: Days of the markets to be rated.

    Returns:
        market_id, selection_id, rating; of a runner that is rated on several days, the first day's.

    Raises:
        LakeError: A day is missing; run the ratings stage.
    """
    return read_days(lake, model, market_dates).drop_duplicates(RUNNER, ignore_index=True)


def left_out_name(archives: Iterable[str], days: Iterable[str]) -> str:
    """Name the file of what is left out of a model's days beside these archives.

    Args:
        archives: Their names in the lake.
        days: Values of `Model.days`.

    Returns:
        The file's name without its ending.
    """
    return "unmatched-" + digest(name.encode() for name in (*sorted(archives), *sorted(days)))


def check_usable(lake: Lake, model: Model, days: Sequence[str], archives: Iterable[str], usable: int) -> None:
    """Refuse ratings of which nothing can be used, where the rejects already say why.

    Args:
        lake: The lake.
        model: The model.
        days: Values of `Model.days`.
        archives: The archives' names in the lake.
        usable: Rows that are of a market of the archives.

    Raises:
        RatingsFileError: There are none; the commonest reason is named.
    """
    if usable:
        return
    reasons = count_rejects(lake, [RejectSource("ratings", model.name, (*days, left_out_name(archives, days)))])
    if not reasons:
        raise RatingsFileError(f"{model.source}: there is no rating in it for the markets that were selected")
    first, *others = reasons
    more = "; the lake's rejects have other reasons, too" if others else ""
    raise RatingsFileError(
        f"{model.source}: not one row can be used: {first['reason']} (for example {first['for example']}){more}"
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
