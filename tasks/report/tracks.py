"""Where a track is: its state or region, and the clock on its wall. Nothing about what was bet there.

The stream names a venue and a country and no state. `tracks.csv` holds Australian and New Zealand tracks by the names
that the exchange gives them. A name that two states of a country share (Richmond) is not in it, and what is not in
it is unknown: nothing is guessed.
"""

import csv
from functools import cache
from importlib.resources import files

import pandas as pd

WITH_STATES = ("AU", "NZ")
"""The countries whose tracks the table holds."""

# Of countries with one clock; Australia's is its states'.
_ZONE_OF_COUNTRY = {"GB": "Europe/London", "IE": "Europe/Dublin", "NZ": "Pacific/Auckland"}
_ZONE_OF_STATE = {
    "ACT": "Australia/Sydney",
    "NSW": "Australia/Sydney",
    "NT": "Australia/Darwin",
    "QLD": "Australia/Brisbane",
    "SA": "Australia/Adelaide",
    "TAS": "Australia/Hobart",
    "VIC": "Australia/Melbourne",
    "WA": "Australia/Perth",
}
# Broken Hill keeps South Australia's time.
_ZONE_OF_VENUE = {("broken hill", "AU"): "Australia/Broken_Hill"}


@cache
def read_tracks() -> dict[tuple[str, str], str]:
    """Read the table.

    Returns:
        Venue in lower case and country code to state or region.
    """
    text = files("tasks.report").joinpath("tracks.csv").read_text("utf-8")
    return {(row["venue"].casefold(), row["country"]): row["state"] for row in csv.DictReader(text.splitlines())}


def find_state(venue: str | None, country: str | None) -> str | None:
    """Find the state or region of a track.

    Args:
        venue: As the exchange names it; how it is capitalised does not matter.
        country: ISO 3166-1 alpha-2.

    Returns:
        `VIC`, `Canterbury`, …; None where the table does not have it.
    """
    return read_tracks().get(_key(venue, country))


def find_zone(venue: str | None, country: str | None) -> str | None:
    """Find a track's time zone.

    Args:
        venue: As the exchange names it.
        country: ISO 3166-1 alpha-2.

    Returns:
        The tz database's name; None where neither country nor state tells.
    """
    key = _key(venue, country)
    return _ZONE_OF_VENUE.get(key) or _ZONE_OF_COUNTRY.get(key[1]) or _ZONE_OF_STATE.get(read_tracks().get(key, ""))


def unknown_venues(markets: pd.DataFrame) -> list[str]:
    """List the venues that ought to be in the table and are not.

    Args:
        markets: venue, country_code.

    Returns:
        Australian and New Zealand venues without a state, each as `venue (country)`, sorted.
    """
    places = markets[["venue", "country_code"]].dropna().drop_duplicates()
    return sorted(
        f"{venue} ({country})"
        for venue, country in places.itertuples(index=False)
        if country in WITH_STATES and find_state(venue, country) is None
    )


def _key(venue: str | None, country: str | None) -> tuple[str, str]:
    return (venue or "").strip().casefold(), country or ""
