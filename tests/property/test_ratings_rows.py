"""Laws of ids and rows, for whatever comes."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from tasks.ratings.columns import Columns, clean_rows, read_csv
from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id

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
    return text.getvalue()


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


@given(rows)
def test_a_csv_text_is_read_as_written(lines):
    table = read_csv(as_csv([COLUMNS, *lines]))
    assert table.header == list(COLUMNS)
    assert [fields for _, fields in table.rows] == lines


@given(rows)
def test_every_row_is_kept_or_rejected_once_and_the_first_of_a_runner_wins(lines):
    table = read_csv(as_csv([COLUMNS, *lines]))
    found = clean_rows(table, COLUMNS)
    assert found.rows == len(lines) == len(found.ratings) + len(found.rejects)
    assert not found.ratings.duplicated(["market_id", "selection_id"]).any()
    rejected = {reject.what for reject in found.rejects}
    assert len(rejected) == len(found.rejects)

    kept = [fields for line, fields in table.rows if f"row {line}" not in rejected]
    runners = [(restore_market_id(market), parse_selection_id(selection)) for market, selection, _, _ in kept]
    assert runners == list(zip(found.ratings["market_id"], found.ratings["selection_id"], strict=True))
    assert [parse_rating(rating) for _, _, rating, _ in kept] == found.ratings["rating"].tolist()
    for reject in found.rejects:
        if reject.reason.startswith("duplicate"):
            earlier = int(reject.detail.partition("row ")[2].partition(" ")[0])
            assert f"row {earlier}" not in rejected
            assert earlier < int(reject.what.removeprefix("row "))
