"""Ratings of which not one row can be used are refused, with the commonest reason."""

import pytest

from tasks.errors import RatingsFileError
from tasks.lake.store import Lake
from tasks.ratings.days import check_usable, left_out_name
from tasks.ratings.predictions import ALL_DAYS, FileRatings
from tasks.rejects import Reject, write_down

SOURCE = FileRatings("mine-0011aabb", "mine.csv", "0011", "mine.csv")


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


def refused(lake, usable=0):
    with pytest.raises(RatingsFileError) as error:
        check_usable(lake, SOURCE, [ALL_DAYS], ["month"], usable)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_commonest_reason_is_named_with_an_example(lake):
    rejects = [Reject("row 2", "not a rating", "'x'"), *(Reject(f"row {row}", "not a market id") for row in (3, 4))]
    write_down(lake, "ratings", SOURCE.name, rejects, ALL_DAYS)
    write_down(lake, "ratings", SOURCE.name, [Reject("1.2", "in no archive")], left_out_name(["another"], [ALL_DAYS]))
    said = "mine.csv: not one row can be used: not a market id (for example row 3); the lake's rejects have other"
    assert refused(lake).startswith(said)


def test_rows_of_no_archive_count(lake):
    rejects, name = [Reject("1.2", "in no archive", "2 runners")], left_out_name(["month"], [ALL_DAYS])
    write_down(lake, "ratings", SOURCE.name, rejects, name)
    assert refused(lake) == "mine.csv: not one row can be used: in no archive (for example 1.2: 2 runners)"


def test_what_is_left_out_of_other_days_is_another_file():
    assert left_out_name(["month"], ["2022-03-01"]) != left_out_name(["month"], ["2022-03-01", "2022-03-02"])


def test_ratings_without_a_row_are_refused(lake):
    assert refused(lake) == "mine.csv: there is no rating in it for the markets that were selected"


def test_one_row_is_enough(lake):
    write_down(lake, "ratings", SOURCE.name, [Reject("row 2", "not a rating")], ALL_DAYS)
    check_usable(lake, SOURCE, [ALL_DAYS], ["month"], 1)
