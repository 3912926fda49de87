"""Ratings that match no market: counted, told market by market, and not looked for twice."""

from datetime import date

import pandas as pd
import pytest

from tasks.errors import LakeError
from tasks.lake.datasets import REJECTS
from tasks.lake.store import Lake
from tasks.ratings.days import left_out_name, store_day
from tasks.ratings.predictions import ALL_DAYS, find_file
from tasks.ratings.unmatched import write_unmatched
from tasks.rejects import RejectSource, count_rejects

MARKETS = pd.DataFrame({"market_id": ["1.200000001", "1.200000004"], "market_date": [date(2022, 3, 5)] * 2})
ROWS = ["1.200000009,12,3", "1.200000001,11,2", "1.200000002,11,2", "1.200000009,13,3", "1.2,14,3"]


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["market_id,selection_id,rating", *ROWS]))
    return find_file(str(path))


def unmatched(lake, source, markets=MARKETS, others=None):
    """How many, and their rejects."""
    count = write_unmatched(lake, source, [ALL_DAYS], ["month"], markets, others or {})
    rows = lake.read(REJECTS.at("ratings", source.name, left_out_name(["month"], [ALL_DAYS]))).to_pylist()
    return count, [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("group", [1, 1000])
def test_each_market_of_which_there_is_none_is_told_once(lake, source, monkeypatch, group):
    monkeypatch.setattr("tasks.ratings.unmatched._GROUP", group)
    store_day(lake, source, ALL_DAYS)
    assert unmatched(lake, source, others={"1.200000002": "PLACE"}) == (
        4,
        [
            ("1.200000000", "rated, but in no archive of the run", "1 runners"),
            ("1.200000002", "rated, but of another market type", "PLACE, 1 runners"),
            ("1.200000009", "rated, but in no archive of the run", "2 runners"),
        ],
    )
    sources = [RejectSource("ratings", source.name, (ALL_DAYS, left_out_name(["month"], [ALL_DAYS])))]
    assert [(row["count"], row["for example"]) for row in count_rejects(lake, sources)] == [
        (2, "1.200000000: 1 runners"),
        (1, "1.200000002: PLACE, 1 runners"),
    ]


def test_they_are_looked_for_again_only_if_the_markets_or_the_ratings_are_others(lake, source, tmp_path):
    store_day(lake, source, ALL_DAYS)
    before = unmatched(lake, source)
    path = tmp_path / "lake" / REJECTS.at("ratings", source.name, left_out_name(["month"], [ALL_DAYS])).path
    written = path.stat().st_ino
    assert unmatched(lake, source) == before
    assert path.stat().st_ino == written
    more = pd.DataFrame({"market_id": [*MARKETS["market_id"], "1.200000009"], "market_date": date(2022, 3, 5)})
    assert unmatched(lake, source, more)[0] == 2
    assert unmatched(lake, source) == before


def test_ratings_that_all_match_leave_nothing_out(lake, source):
    store_day(lake, source, ALL_DAYS)
    markets = pd.DataFrame(
        {"market_id": [f"1.20000000{n}" for n in (0, 1, 2, 9)], "market_date": [date(2022, 3, 5)] * 4}
    )
    assert unmatched(lake, source, markets) == (0, [])


def test_ratings_that_were_not_read_are_an_error(lake, source):
    with pytest.raises(LakeError, match="run the stage that makes it"):
        write_unmatched(lake, source, [ALL_DAYS], ["month"], MARKETS, {})
