"""The ratings: what a model that knows the greyhounds, though not perfectly, would have published each morning."""

import csv
import io
import math
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sample.atomic import replacing
from sample.races import Race

COLUMNS = (
    "meetings.name",
    "meetings.bfExchangeEventId",
    "meetings.races.name",
    "meetings.races.number",
    "meetings.races.bfExchangeMarketId",
    "meetings.races.comment",
    "meetings.races.runners.bfExchangeSelectionId",
    "meetings.races.runners.number",
    "meetings.races.runners.name",
    "meetings.races.runners.ratedPrice",
)
"""The columns of the Iggy service, in its order."""

ERROR = 0.2
"""Standard deviation of the error of a rated log price; the market's own at the off is far smaller."""


def write_ratings(folder: Path, races: Iterable[Race], rng: Random, *, error: float = ERROR) -> list[Path]:
    """Writes a file of ratings for each day with racing, where the tracks are: `YYYY-MM-DD.csv`.

    Args:
        folder: Where; it is made if need be.
        races: The races, by day.
        rng: Decides the errors.
        error: Standard deviation of the error of a rated log price.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for day, of_day in groupby(sorted(races, key=_day), key=_day):
        files.append(path_of(folder, day))
        with replacing(files[-1]) as file:
            file.write(as_csv(_rows(of_day, rng, error)))
    return files


def _day(race: Race) -> date:
    return race.market_time.astimezone(ZoneInfo(race.track.timezone)).date()


def path_of(folder: Path, day: date) -> Path:
    """Where a day's ratings are in a folder."""
    return folder / f"{day.isoformat()}.csv"


def as_csv(rows: Iterable[tuple[object, ...]] = ()) -> bytes:
    """Rows as the service sends them: a header, then a line each, with CR LF."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode()


def _rows(races: Iterable[Race], rng: Random, error: float) -> Iterator[tuple[object, ...]]:
    # A model rates a whole field in the morning: runners that will be withdrawn are among them.
    for meeting, (venue, of_meeting) in enumerate(groupby(races, key=lambda race: race.track.venue), start=1):
        for race in of_meeting:
            for runner in race.runners:
                rated = max(1.01, math.exp(rng.gauss(0, error)) / runner.win_probability)
                # The service's event id is a running number, not the exchange's event id.
                yield (
                    venue,
                    meeting,
                    race.name,
                    race.number,
                    race.market_id,
                    "",
                    runner.selection_id,
                    runner.box,
                    runner.name,
                    f"{rated:.2f}",
                )
