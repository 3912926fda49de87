"""A CSV text to clean rows."""

import pytest
from rated import whole

from tasks.ratings.clean import clean_rows
from tasks.ratings.columns import Columns
from tasks.ratings.csv_table import CsvTable

COLUMNS = Columns("market", "selection", "odds", "runner")
HEADER = "market,selection,odds,runner\n"


def clean(text, columns=COLUMNS):
    table = CsvTable([text.encode()])
    return whole(clean_rows(table.blocks(columns)))


def test_every_row_is_kept_or_rejected_by_line_and_reason():
    found = clean(
        HEADER
        + "1.19539574,42248828.0,7.5,Magic Rogue\n"  # line 2
        + "\n"
        + "1.195395740,42248828,7.50,Magic Rogue\n"
        + "195395740,42248828,9,Magic Rogue\n"
        + "odds,42248829,9,\n"
        + "1.195395740,0,9,\n"
        + "1.195395740,42248829,N/A,\n"
        + "1.195395740,42248829,0,\n"
        + "1.195395740,42248829,-3,\n"
        + "1.195395740,42248829,9\n"
        + "1.195395740,42248829,9,,\n"
        + "1.195395740,42248829,9, \n"  # line 13
    )
    assert found.ratings.to_dict("records") == [
        {"market_id": "1.195395740", "selection_id": 42248828, "rating": 7.5, "name": "Magic Rogue"},
        {"market_id": "1.195395740", "selection_id": 42248829, "rating": 9.0, "name": ""},
    ]
    assert [(reject.what, reject.reason) for reject in found.rejects] == [
        ("row 4", "duplicate"),
        ("row 5", "duplicate with another rating"),
        ("row 6", "not a market id"),
        ("row 7", "not a selection id"),
        ("row 8", "not a rating"),
        ("row 9", "not a rating"),
        ("row 10", "not a rating"),
        ("row 11", "wrong number of fields"),
        ("row 12", "wrong number of fields"),
    ]
    assert found.rows == 11


def test_rejects_say_what_was_seen():
    row = "1.195395740,42248828,"
    found = clean(f"{HEADER}{row}7.5,\n{row}9,\n{row}7.5,\n{row}N/A,\n{row}9,,,\n")
    assert [reject.detail for reject in found.rejects] == [
        "market 1.195395740, selection 42248828: 9.0 left out, 7.5 of row 2 kept",
        "market 1.195395740, selection 42248828: as row 2",
        "'N/A' is not a rating: expected decimal odds above 1, such as '7.5'",
        "6, the header has 4",
    ]


def test_a_rejected_row_is_not_the_first_of_its_runner():
    found = clean(HEADER + "1.195395740,42248828,N/A,\n1.195395740,42248828,9,\n")
    assert found.ratings["rating"].tolist() == [9.0]
    assert [reject.reason for reject in found.rejects] == ["not a rating"]


@pytest.mark.parametrize("rows", ["", "1.195395740,42248828,9,Magic Rogue\n"])
def test_types_do_not_depend_on_there_being_rows(rows):
    types = clean(HEADER + rows).ratings.dtypes.astype(str).to_dict()
    assert types == {"market_id": "str", "selection_id": "int64", "rating": "float64", "name": "str"}


def test_without_a_column_of_names_the_name_is_empty():
    found = clean(HEADER + "1.195395740,42248828,9,Magic Rogue\n", COLUMNS._replace(name=None))
    assert found.ratings["name"].tolist() == [""]


def test_line_numbers_count_blank_lines_and_lines_within_quotes():
    table = CsvTable(['\ufeff\r\n a , b\r\n1,"x\r\ny"\r\n\r\n  \r\n2,"z, ""w"""\r\n'.encode()])
    assert table.header == ["a", "b"]
    [(lines, columns, ragged, _)] = table.blocks(["a", None, "b"])
    assert lines.tolist() == [3, 7]
    assert [column.to_pylist() for column in columns] == [["1", "2"], ["", ""], ["x\r\ny", 'z, "w"']]
    assert ragged == []


def test_a_blank_text_has_no_header():
    assert CsvTable([b"\n \n"]).header == []


def test_an_unclosed_quote_does_not_swallow_the_rest():
    with pytest.raises(ValueError, match=r"^line 3: unexpected end of data$"):
        CsvTable([b'a,b\n1,2\n3,"4\n5,6\n']).check()


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        (["runner", "x", "odds", "selection", "market"], ""),
        (["market", "odds", "x"], "columns missing: 'selection', 'runner'; columns seen: 'market', 'odds', 'x'"),
        ([], "columns missing: 'market', 'selection', 'odds', 'runner'; columns seen: none"),
        (["market", "selection", "odds", "odds", "runner"], "columns that occur more than once: 'odds'"),
    ],
)
def test_faults_of_a_header(header, fault):
    assert COLUMNS.fault(header) == fault


def test_a_fault_is_one_line_of_bearable_length():
    fault = COLUMNS.fault(["line\nbreak", "x" * 10_000])
    assert "\n" not in fault
    assert len(fault) < 1000
