"""The user's own CSV file."""

import hashlib
import io
import os
from pathlib import Path

import fsspec
import pytest
from rated import whole

from tasks.errors import ChangedSourceError, RatingsFileError
from tasks.ratings import predictions
from tasks.ratings.checked_bytes import CheckedBytes
from tasks.ratings.predictions import NAME_COLUMNS

HEADER = "market_id,selection_id,rating\n"


def read_predictions(source, content=None):
    return whole(predictions.read_predictions(source, content))


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "predictions.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def published():
    folder = os.environ.get("BACKTEST_TEST_DATA")
    if not folder:
        pytest.skip("BACKTEST_TEST_DATA does not name the folder of the published data")
    return Path(folder) / "model_predictions.csv"


def test_columns_in_any_order_among_others(written):
    found = read_predictions(
        written("rating,date_dt,market_id,DogName,selection_id\n7.5,x,1.19539574,Magic Rogue,12\n")
    )
    assert found.ratings.to_dict("records") == [
        {"market_id": "1.195395740", "selection_id": 12, "rating": 7.5, "name": "Magic Rogue"}
    ]
    assert found.rows == 1


def test_a_file_that_is_another_by_now_is_not_read(written):
    row = "1.195395740,12,7.5\n"
    content = hashlib.sha256(f"{HEADER}{row}".encode()).hexdigest()
    assert read_predictions(written(HEADER + row), content).rows == 1
    for other in (HEADER + row.replace("7.5", "8.5"), HEADER, "", b"\xff"):
        path = written(other)
        with pytest.raises(ChangedSourceError, match=r"predictions.csv: changed since the run began"):
            read_predictions(path, content)


@pytest.mark.parametrize("column", NAME_COLUMNS)
def test_the_name_column_goes_by_several_names(written, column):
    found = read_predictions(written(f"market_id,selection_id,rating,{column}\n1.195395740,12,7.5,Rogue\n"))
    assert found.ratings["name"].tolist() == ["Rogue"]


def test_a_byte_order_mark_is_not_part_of_the_first_column(written):
    assert len(read_predictions(written(b"\xef\xbb\xbf" + HEADER.encode() + b"1.195395740,12,7.5\r\n")).ratings) == 1


def test_only_a_header_is_an_empty_table(written):
    ratings, rejects, rows = read_predictions(written(HEADER))
    assert (len(ratings), rejects, rows) == (0, [], 0)


def test_rejects_are_named_by_line_of_the_file(written):
    found = read_predictions(written(HEADER + "1.195395740,12,7.5\n\n1.195395740,13,N/A\n"))
    assert [reject.what for reject in found.rejects] == ["row 4"]


def test_any_fsspec_url(written):
    with fsspec.open("memory://ratings/predictions.csv", "wb") as file:
        file.write(HEADER.encode() + b"1.195395740,12,7.5\n")
    assert len(read_predictions("memory://ratings/predictions.csv").ratings) == 1
    assert len(read_predictions("file://" + written(HEADER + "1.195395740,12,7.5\n")).ratings) == 1


def test_a_server_that_sends_a_few_bytes_at_a_time_makes_no_more_blocks():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 10))

    content = HEADER.encode() * 100
    file = CheckedBytes(Slow(content))
    assert [*file.pieces()] == [content]
    assert file.digest() == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (
            "market_id;selection_id;rating\n",
            "columns missing: 'market_id', .*; columns seen: 'market_id;selection_id;r",
        ),
        (
            "market_id,selection_id,odds\n",
            "columns missing: 'rating'; columns seen: 'market_id', 'selection_id', 'odds'",
        ),
        ("market_id,selection_id,rating,rating\n", "columns that occur more than once: 'rating'"),
        (HEADER + '1.195395740,12,"7.5\n', "cannot be read: line 2: unexpected end of data"),
        (b"PK\x03\x04\xff\xfe\x00", r"not UTF-8 text \(invalid start byte at byte 4\)"),
        (HEADER.encode("utf-16"), r"not UTF-8 text \(invalid start byte at byte 0\); save it as UTF-8"),
        (HEADER.encode("utf-16-le"), r"not UTF-8 text \(a zero, as in UTF-16, at byte 1\); save it as UTF-8"),
        (f"{HEADER},Hörnchen".encode("cp1252"), r"not UTF-8 text \(invalid .* at byte \d+\); save it as UTF-8"),
    ],
)
def test_an_unusable_file_is_refused_in_one_line(written, content, wrong):
    path = written(content)
    with pytest.raises(RatingsFileError, match=wrong) as raised:
        read_predictions(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).endswith("; expected a CSV file with the columns market_id, selection_id and rating")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("nowhere.csv", r"nowhere\.csv: there is no such file"),
        ("memory://nowhere.csv", r"memory://nowhere\.csv: there is no such file"),
        (".", r"\.: cannot be read: a directory, a pipe or a device"),
        ("/dev/null", r"/dev/null: cannot be read: a directory, a pipe or a device"),
        ("nosuch://me:secret@host/x.csv?sig=secret", r"nosuch://host/x\.csv: cannot be read: Protocol not known"),
    ],
)
def test_a_file_that_cannot_be_opened_is_refused_without_secrets(source, wrong):
    with pytest.raises(RatingsFileError, match=f"^{wrong}") as raised:
        read_predictions(source)
    assert "secret" not in str(raised.value)


def test_the_published_predictions(published):
    ratings, rejects, rows = read_predictions(str(published))
    assert rows == 25_545
    assert len(ratings) == 25_544
    assert ratings["market_id"].nunique() == 3_569
    assert ratings["market_id"].str.fullmatch(r"1\.[0-9]{9}").all()
    assert ratings.loc[ratings["market_id"].str.endswith("0"), "market_id"].nunique() == 326
    assert (ratings["name"] != "").all()
    assert rejects == [
        (
            "row 14377",
            "duplicate with another rating",
            "market 1.196288148, selection 43549763: 3.575459143406298 left out, 7.599891812151574 of row 14376 kept",
        )
    ]
