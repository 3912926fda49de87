"""A source's days in the lake: which ratings are a market's, and when a day is asked for again."""

from datetime import date, timedelta
from functools import partial

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample.ratings import COLUMNS, as_csv, path_of
from sample.server import serve
from tasks.errors import ChangedFileError, ChangedSourceError, RatingsServiceError
from tasks.lake.store import Lake
from tasks.ratings.days import are_published_since, load_ratings, markets_of, store_day
from tasks.ratings.predictions import ALL_DAYS, find_file
from tasks.ratings.services import SERVICES, ServiceRatings, fetch_day

FIRST = date(2022, 3, 5)
DAYS = [FIRST + timedelta(days=number) for number in range(3)]
NAMED = ["meetings.races.bfExchangeMarketId", "meetings.races.runners.bfExchangeSelectionId"]


def csv_of(*rows):
    """The service's answer; a row is a market id, a selection id and a rated price."""
    names = [*NAMED, "meetings.races.runners.ratedPrice"]
    return as_csv([[dict(zip(names, row, strict=True)).get(column, "") for column in COLUMNS] for row in rows])


@pytest.fixture
def service(tmp_path):
    """A folder of daily files, and a source that reads them over HTTP."""
    with serve(tmp_path) as address:
        yield tmp_path, ServiceRatings(SERVICES["iggy"], address)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


# Whose they are


rated = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([*map(str, DAYS), ALL_DAYS])), max_size=12)


@given(rated, st.lists(st.sampled_from(DAYS), min_size=4, max_size=4), st.sets(st.integers(0, 3), min_size=1))
def test_a_market_has_the_same_ratings_whichever_others_are_selected(rows, dates, selected):
    catalogue = pd.DataFrame({"market_id": [f"1.{number}" for number in range(4)], "market_date": dates})
    some = catalogue.iloc[sorted(selected)]
    # As only the days of what is selected are read.
    days = {*map(str, some["market_date"]), ALL_DAYS}
    among_some = [row for row in rows if row[1] in days and f"1.{row[0]}" in markets_of(row[1], some)]
    among_all = [row for row in rows if row[0] in selected and f"1.{row[0]}" in markets_of(row[1], catalogue)]
    assert among_some == among_all


def test_of_a_market_that_is_rated_on_two_days_its_own_days_rating_is_taken(service, lake):
    folder, source = service
    for day, price in zip(DAYS, (2.0, 3.0, 4.0), strict=True):
        path_of(folder, day).write_bytes(csv_of(("1.200000001", 11, price)))
        store_day(lake, source, str(day))
    markets = pd.DataFrame({"market_id": ["1.200000001"], "market_date": [DAYS[1]]})
    for days in (map(str, DAYS), [str(DAYS[1])]):
        assert load_ratings(lake, source, list(days), markets)["rating"].tolist() == [3.0]


# Days that were blank


def test_a_blank_day_is_asked_for_again_and_one_with_ratings_is_not(service, lake):
    folder, source = service
    day = str(FIRST)
    assert store_day(lake, source, day) == (False, 0, 0)
    assert store_day(lake, source, day) == (True, 0, 0)
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 2.0)))
    assert store_day(lake, source, day) == (False, 1, 0)
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 9.0)))
    assert store_day(lake, source, day) == (True, 1, 0)


def test_a_day_of_rejects_alone_is_asked_for_again(service, lake):
    folder, source = service
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, "scratched")))
    assert store_day(lake, source, str(FIRST)) == (False, 0, 1)
    assert store_day(lake, source, str(FIRST)) == (True, 0, 1)
    assert not are_published_since(lake, source, [str(FIRST)])
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 2.0)))
    assert are_published_since(lake, source, [str(FIRST)])
    assert store_day(lake, source, str(FIRST)) == (False, 1, 0)


def test_ratings_of_another_address_are_not_taken_for_this_ones(service, lake):
    folder, source = service
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 2.0)))
    markets = pd.DataFrame({"market_id": ["1.200000001"], "market_date": [FIRST]})
    other = ServiceRatings(source.service, f"{source.base_url}/other")
    store_day(lake, source, str(FIRST))
    with pytest.raises(ChangedFileError, match="other input"):
        load_ratings(lake, other, [str(FIRST)], markets)
    assert load_ratings(lake, source, [str(FIRST)], markets)["rating"].tolist() == [2.0]


@pytest.mark.parametrize("was_blank", [True, False])
def test_without_the_service_a_blank_day_stays_blank(tmp_path, lake, monkeypatch, was_blank):
    with serve(tmp_path) as address:
        source = ServiceRatings(SERVICES["iggy"], address)
        if was_blank:
            store_day(lake, source, str(FIRST))
    monkeypatch.setattr("tasks.ratings.services.fetch_day", partial(fetch_day, attempts=1))
    if was_blank:
        assert store_day(lake, source, str(FIRST)) == (True, 0, 0)
    else:
        with pytest.raises(RatingsServiceError, match="got no whole answer"):
            store_day(lake, source, str(FIRST))


def test_a_day_that_was_blank_is_published_since_once_it_has_a_row(service, lake):
    folder, source = service
    days = [str(day) for day in DAYS]
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 2.0)))
    for day in days[:2]:
        store_day(lake, source, day)
    # Ratings that are revised, and a day that was never read, are not asked for.
    path_of(folder, FIRST).write_bytes(csv_of(("1.200000001", 11, 9.0)))
    path_of(folder, DAYS[2]).write_bytes(csv_of(("1.200000003", 11, 2.0)))
    assert not are_published_since(lake, source, days)
    path_of(folder, DAYS[1]).write_bytes(csv_of(("1.200000002", 11, "scratched")))
    assert are_published_since(lake, source, days)


def test_a_service_that_is_down_is_asked_for_one_blank_day(tmp_path, lake, monkeypatch):
    days = [str(day) for day in DAYS]
    with serve(tmp_path) as address:
        source = ServiceRatings(SERVICES["iggy"], address)
        for day in days:
            store_day(lake, source, day)
    asked = []

    def fetch(http, service, day, base_url):
        asked.append(str(day))
        return fetch_day(http, service, day, base_url, attempts=1)

    monkeypatch.setattr("tasks.ratings.services.fetch_day", fetch)
    assert not are_published_since(lake, source, days)
    assert asked == days[:1]


# A file that is read in blocks


@pytest.mark.parametrize("block", [20, 1 << 20])
def test_of_a_file_that_changes_while_it_is_read_nothing_is_kept(tmp_path, lake, monkeypatch, block):
    monkeypatch.setattr("tasks.ratings.checked_bytes._PIECE", block)
    path = tmp_path / "mine.csv"
    path.write_text("market_id,selection_id,rating\n1.200000001,11,2.0\n1.200000001,11,2.0\n")
    source = find_file(str(path))
    path.write_text(path.read_text() + '1.200000001,12,3.0\n1.200000001,"')
    with pytest.raises(ChangedSourceError, match="changed since the run began"):
        store_day(lake, source, ALL_DAYS)
    assert not [*tmp_path.rglob("*.parquet")]


def test_of_a_file_in_many_blocks_the_ratings_of_some_markets_are_read(tmp_path, lake, monkeypatch):
    monkeypatch.setattr("tasks.ratings.checked_bytes._PIECE", 100)
    path = tmp_path / "mine.csv"
    rows = [f"1.20000{number % 100:04d},{number},{2 + number / 100}\n" for number in range(1, 1001)]
    path.write_text("".join(["market_id,selection_id,rating\n", *rows, *rows[:7], *reversed(rows[-7:])]))
    source = find_file(str(path))
    assert store_day(lake, source, ALL_DAYS) == (False, 1000, 14)
    assert store_day(lake, source, ALL_DAYS) == (True, 1000, 14)
    markets = pd.DataFrame({"market_id": ["1.200000042", "1.200000007", "1.300000000"], "market_date": FIRST})
    read = load_ratings(lake, source, [ALL_DAYS], markets)
    expected = [row for row in range(1, 1001) if row % 100 in {7, 42}]
    assert read["selection_id"].tolist() == expected
    assert read["rating"].tolist() == [2 + row / 100 for row in expected]
    assert load_ratings(lake, source, [ALL_DAYS], markets[:0]).empty
