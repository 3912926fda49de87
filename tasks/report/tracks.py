"""Find a track's state or region and its time zone.

The stream names a venue and a country, but no state. `tracks.csv` lists Australian and New Zealand tracks by the
exchange's names, except names that two states of a country share (Richmond). Tracks not listed are unknown; nothing is
guessed.
"""

import csv
from functools import cache
from importlib.resources import files

import pandas as pd

WITH_STATES = ("AU", "NZ")
"""The countries whose tracks the table lists."""

# Countries with a single time zone; Australia's depend on the state.
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
# Broken Hill, in NSW, keeps South Australia's time.
_ZONE_OF_VENUE = {("broken hill", "AU"): "Australia/Broken_Hill"}


@cache
def read_tracks() -> dict[tuple[str, str], str]:
    """Read the table: state or region by case-folded venue and country code."""
    text = files("tasks.report").joinpath("tracks.csv").read_text("utf-8")
    return {(row["venue"].casefold(), row["country"]): row["state"] for row in csv.DictReader(text.splitlines())}


def find_state(venue: str | None, country: str | None) -> str | None:
    """Find the state or region of a track.

    Args:
        venue: The exchange's name; case is ignored.
        country: ISO 3166-1 alpha-2.

    Returns:
        `VIC`, `Canterbury`, …; None if it is not in the table.
    """
    return read_tracks().get(_key(venue, country))


def find_zone(venue: str | None, country: str | None) -> str | None:
    """Find a track's time zone.

    Args:
        venue: The exchange's name.
        country: ISO 3166-1 alpha-2.

    Returns:
        The tz database's name; None if unknown.
    """
    key = _key(venue, country)
    return _ZONE_OF_VENUE.get(key) or _ZONE_OF_COUNTRY.get(key[1]) or _ZONE_OF_STATE.get(read_tracks().get(key, ""))


def unknown_venues(markets: pd.DataFrame) -> list[str]:
    """List the venues missing from the table.

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
