"""Laws of ids and rows, for whatever comes."""

import csv
import io

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from rated import whole

from tasks.ratings.clean import clean_rows
from tasks.ratings.columns import Columns
from tasks.ratings.csv_table import CsvTable
from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id
from tasks.ratings.plain import parse_plain

COLUMNS = Columns("market_id", "selection_id", "rating", "name")

nine_digits = st.integers(1, 999_999_999).map("{:09d}".format)
# Few values of each kind, so that runners meet again; and some that nobody expects.
rows = st.lists(
    st.lists(
        st.sampled_from(
            ["1.195395740", "1.19539574", "195395740", "1.195395741", "12", "12.0", "13", "7.5", "7.50", "9"]
        )
        | st.sampled_from(["", "N/A", "0", "-1", "inf"])
        | st.text(max_size=3),
        min_size=3,
        max_size=5,
    )
    | st.tuples(
        st.sampled_from(["1.195395740", "1.19539574", "195395741"]),
        st.sampled_from(["12", "12.0", "13"]),
        st.sampled_from(["7.5", "7.50", "9", "N/A"]),
        st.text(max_size=3),
    ).map(list),
    max_size=30,
)


def as_csv(lines):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(lines)
    return text.getvalue().encode()


@given(nine_digits)
def test_a_market_id_survives_floats_and_lost_zeros(digits):
    market_id = f"1.{digits}"
    assert restore_market_id(market_id) == market_id
    assert restore_market_id(repr(float(market_id))) == market_id
    assert restore_market_id(market_id.rstrip("0")) == market_id
    assert restore_market_id(digits) == market_id


@given(nine_digits)
def test_restoring_twice_is_restoring_once(digits):
    once = restore_market_id(f"1.{digits}".rstrip("0"))
    assert restore_market_id(once) == once


@given(st.integers(1, 10**15))
def test_a_selection_id_survives_floats(selection_id):
    assert parse_selection_id(str(selection_id)) == selection_id
    assert parse_selection_id(f"{float(selection_id):.1f}") == selection_id


@given(st.floats(min_value=1, exclude_min=True, allow_infinity=False))
def test_a_rating_is_read_to_its_last_digit(rating):
    assert parse_rating(repr(rating)) == rating


digits = "[0-9]{1,20}"


@given(st.from_regex(rf"\A{digits}(\.{digits})?([eE][-+]?[0-9]{{1,2}})?\Z", alphabet=st.characters(codec="ascii")))
def test_many_ratings_at_once_are_read_as_one_is(rating):
    market_ids, selection_ids, ratings = (pa.array([text]) for text in ("1.195395740", "12", rating))
    parsed = parse_plain(market_ids, selection_ids, ratings)
    assert parsed.is_valid[0] == (float(rating) > 1)
    assert parsed.ratings[0] == float(rating)


@given(rows)
def test_a_csv_text_is_read_as_written(lines):
    blocks = list(CsvTable([as_csv([COLUMNS, *lines])]).blocks(COLUMNS))
    read = [list(row) for block in blocks for row in zip(*map(pa.Array.to_pylist, block.columns), strict=True)]
    assert read == [fields for fields in lines if len(fields) == len(COLUMNS)]
    ragged = [fields for block in blocks for _, fields in block.ragged]
    assert ragged == [len(fields) for fields in lines if len(fields) != len(COLUMNS)]


@given(rows)
def test_every_row_is_kept_or_rejected_once_and_the_first_of_a_runner_wins(lines):
    blocks = list(CsvTable([as_csv([COLUMNS, *lines])]).blocks(COLUMNS))
    found = whole(clean_rows(blocks))
    assert found.rows == len(lines) == len(found.ratings) + len(found.rejects)
    assert not found.ratings.duplicated(["market_id", "selection_id"]).any()
    rejected = {reject.what for reject in found.rejects}
    assert len(rejected) == len(found.rejects)

    read = [row for block in blocks for row in zip(block.lines, *map(pa.Array.to_pylist, block.columns), strict=True)]
    kept = [fields for line, *fields in read if f"row {line}" not in rejected]
    runners = [(restore_market_id(market), parse_selection_id(selection)) for market, selection, _, _ in kept]
    assert runners == list(zip(found.ratings["market_id"], found.ratings["selection_id"], strict=True))
    assert [parse_rating(rating) for _, _, rating, _ in kept] == found.ratings["rating"].tolist()
    for reject in found.rejects:
        if reject.reason.startswith("duplicate"):
            earlier = int(reject.detail.partition("row ")[2].partition(" ")[0])
            assert f"row {earlier}" not in rejected
            assert earlier < int(reject.what.removeprefix("row "))
