"""The table of tracks, and what it says of a venue."""

import csv
from importlib.resources import files
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from tasks.report.tracks import find_state, find_zone, read_tracks, unknown_venues

ROWS = list(csv.reader(files("tasks.report").joinpath("tracks.csv").read_text("utf-8").splitlines()))


@pytest.mark.parametrize(
    ("venue", "country", "state", "zone"),
    [
        ("Devonport", "AU", "TAS", "Australia/Hobart"),
        ("Traralgon", "AU", "VIC", "Australia/Melbourne"),
        ("Angle Park", "AU", "SA", "Australia/Adelaide"),
        ("Sandown Park", "AU", "VIC", "Australia/Melbourne"),
        ("wentworth park", "AU", "NSW", "Australia/Sydney"),
        ("Albion Park", "AU", "QLD", "Australia/Brisbane"),
        ("Cannington", "AU", "WA", "Australia/Perth"),
        ("Darwin", "AU", "NT", "Australia/Darwin"),
        ("Broken Hill", "AU", "NSW", "Australia/Broken_Hill"),
        ("Addington", "NZ", "Canterbury", "Pacific/Auckland"),
        ("Cambridge", "NZ", "Waikato", "Pacific/Auckland"),
        ("Romford", "GB", None, "Europe/London"),
        ("Sandown", "GB", None, "Europe/London"),
        ("Nowhere", "AU", None, None),
        ("Nowhere", "NZ", None, "Pacific/Auckland"),
        ("Devonport", None, None, None),
        (None, None, None, None),
    ],
)
def test_where_a_track_is(venue, country, state, zone):
    assert find_state(venue, country) == state
    assert find_zone(venue, country) == zone


def test_names_that_two_states_share_are_not_in_it():
    assert find_state("Richmond", "AU") is None
    assert find_state("Maryborough", "AU") is None


def test_each_track_is_there_once_and_has_a_clock():
    header, *rows = ROWS
    assert header == ["venue", "country", "state"]
    assert len(read_tracks()) == len(rows) > 400
    for venue, country, state in rows:
        assert venue.strip() == venue != ""
        assert country in ("AU", "NZ")
        assert state
        assert ZoneInfo(find_zone(venue, country))


def test_rows_are_in_order():
    assert ROWS[1:] == sorted(ROWS[1:], key=lambda row: (row[1], row[2].encode(), row[0].encode()))


def test_unknown_venues_are_listed_once_and_only_where_the_table_should_have_them():
    markets = pd.DataFrame(
        {
            "venue": ["Nowhere", "Nowhere", "Devonport", "Romford", "Elsewhere", None],
            "country_code": ["AU", "AU", "AU", "GB", "NZ", "AU"],
        }
    )
    assert unknown_venues(markets) == ["Elsewhere (NZ)", "Nowhere (AU)"]
