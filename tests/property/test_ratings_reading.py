"""A file of ratings that is read in blocks gives what it gives when it is read row by row, whatever is in it."""

import csv
import io

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rated import whole

from tasks.errors import RatingsFileError
from tasks.ratings.columns import Columns
from tasks.ratings.ids import parse_rating, parse_selection_id, restore_market_id
from tasks.ratings.predictions import read_predictions

HEADERS = [
    "market_id,selection_id,rating",
    "rating,name,market_id,selection_id",
    ' market_id ,selection_id,"rating","a\r\nb",DogName',
    "market_id,selection_id,odds",
    "",
]
MARKETS = ["1.195395740", "1.19539574", "195395740", "1.195395741", " 1.195395741", '"1.19539574"', "1.", "01.1", "٣"]
SELECTIONS = ["12", "12.0", "12.", "13 ", "013", "0", "-1", "1e1", "17179869184", "8589934592", "9" * 18, "9" * 19]
RATINGS = ["7.5", "7.50", "07.5", "+7.5", "75e-1", "7.", "3.575459143406298", "1.0", "1.0000000000000001", "1.1" * 2]
RATINGS += ["1" * 25, "9e307", "9e99", "1e400", "1_0", "inf", "nan", "0x10", "", '" 7.5"', "\xa07.5", "\x1f7.5\t"]
OTHERS = ["", "Rogue", " Rogue\u2003", '"a,b"', '"x\ny"', '"x\r\n\ry"', '"z ""w"""', 'a"b', '"a"b', '"', "\ufeff", "é"]

fields = st.sampled_from([*MARKETS, *SELECTIONS, *RATINGS, *OTHERS]) | st.text(max_size=3)
# Most rows are valid or nearly so, and of few runners, which meet again.
runners = st.tuples(*map(st.sampled_from, (MARKETS[:5], SELECTIONS[:4], RATINGS[:6])))
nearly = st.tuples(*map(st.sampled_from, (MARKETS, SELECTIONS, RATINGS)))
rows = st.one_of(runners, runners, nearly, st.tuples(nearly, fields).map(lambda row: [*row[0], row[1]]))
rows |= st.lists(fields, max_size=6)
ends = st.sampled_from(["\n"] * 20 + ["\r\n", "\r", "\n\n", "\n \n", "\r\n\r\n", ""])
tables = st.lists(st.tuples(rows.map(",".join), ends), max_size=30).map(lambda lines: "".join(sum(lines, ())))
# As written by most programs: no quote, one kind of line's end.
plain = st.tuples(st.lists(runners.map(",".join), max_size=40), st.sampled_from(["\n", "\r\n"]))
texts = st.tuples(
    st.sampled_from(["", "\ufeff", "\n", "\ufeff \r\n"]),
    st.sampled_from(HEADERS[:1] * 8 + HEADERS[1:]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    tables | plain.map(lambda lines: lines[1].join(lines[0])),
).map("".join)
wrong = st.sampled_from([b""] * 12 + [b"\xff", b"\xc3", b"\0", b"\0\xff"])
files = st.tuples(texts, wrong, tables).map(lambda parts: parts[0].encode() + parts[1] + parts[2].encode())


def expected(content):
    """What the file gives by the rules, one row after the other: its columns and rejects, or what is wrong with it."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 text ({error.reason} at byte {error.start})"
    if "\0" in text:
        return f"not UTF-8 text (a zero, as in UTF-16, at byte {content.find(0)})"
    reader, records, begins = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True), [], 1
    try:
        for record in reader:
            if len(record) > 1 or "".join(record).strip():
                records.append((begins, record))
            begins = reader.line_num + 1
    except csv.Error as error:
        return f"cannot be read: line {begins}: {error}"
    if not records:
        return "the file is empty"
    header = [column.strip() for column in records[0][1]]
    name = next((column for column in ("name", "DogName") if column in header), None)
    if any(header.count(column) != 1 for column in ("market_id", "selection_id", "rating")):
        return Columns("market_id", "selection_id", "rating", name).fault(header).partition(";")[0]
    return cleaned(records[1:], header, name)


def cleaned(records, header, name):
    kept, rejects = {}, []
    for line, record in records:
        row = dict(zip(header, record, strict=False))
        reason, detail = "wrong number of fields", f"{len(record)}, the header has {len(header)}"
        try:
            if len(record) == len(header):
                reason = "not a market id"
                market_id = restore_market_id(row["market_id"])
                reason = "not a selection id"
                selection_id = parse_selection_id(row["selection_id"])
                reason = "not a rating"
                rating, reason = parse_rating(row["rating"]), ""
        except ValueError as error:
            detail = str(error)
        if not reason:
            first_line, first, _ = kept.setdefault(
                (market_id, selection_id), (line, rating, row[name].strip() if name else "")
            )
            if first_line == line:
                continue
            runner = f"market {market_id}, selection {selection_id}"
            reason, detail = (
                ("duplicate", f"{runner}: as row {first_line}")
                if first == rating
                else ("duplicate with another rating", f"{runner}: {rating} left out, {first} of row {first_line} kept")
            )
        rejects.append((f"row {line}", reason, detail))
    return [(*runner, rating, name) for runner, (_, rating, name) in kept.items()], rejects


@given(files, st.sampled_from([1, 7, 64, 1000, 1 << 20]), st.sampled_from([1, 3, 1000]))
def test_blocks_are_read_as_rows_are(content, piece, few):
    with fsspec.open("memory://reading.csv", "wb") as file:
        file.write(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.ratings.checked_bytes._PIECE", piece)
        patch.setattr("tasks.ratings.csv_table._MOST_ROWS", few)
        patch.setattr("tasks.ratings.first_rows._LONGEST_RUN", few)
        assert read("memory://reading.csv") == expected(content)


def read(source):
    try:
        found = whole(read_predictions(source))
    except RatingsFileError as error:
        return str(error).removeprefix(f"{source}: ").partition(";")[0]
    return list(found.ratings.itertuples(index=False, name=None)), found.rejects
