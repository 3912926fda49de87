"""Laws of the lake: what goes in comes out, and damage never passes for data."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import DamagedFileError, LakeError
from tasks.lake.datasets import CATALOGUE_RUNNERS, DATASETS, ORDERS, TIME
from tasks.lake.store import Lake

times = st.integers(0, 4 * 10**12).map(lambda ms: datetime.fromtimestamp(ms / 1000, tz=UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = {
    pa.string(): texts,
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    TIME: times,
    pa.list_(TIME): st.lists(times, max_size=4),
}


def key_of(dataset):
    return dataset._at(*("x" for _ in dataset.partitions)).file()


def rows_of(dataset):
    row = st.fixed_dictionaries(
        {c.name: values[c.type] | st.none() if c.nullable else values[c.type] for c in dataset.columns}
    )
    keys = dataset.keys
    return st.lists(row, max_size=8, unique_by=(lambda r: tuple(r[k] for k in keys)) if keys else None)


@settings(max_examples=30)
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
@given(data=st.data())
def test_rows_come_back_as_they_went_in(dataset, data):
    rows = data.draw(rows_of(dataset))
    key = key_of(dataset)
    with tempfile.TemporaryDirectory() as folder:
        lake, table = Lake(folder), pa.Table.from_pylist(rows, dataset.schema)
        file = lake.write(key, table, "print")
        assert lake.read(key).equals(table)
        assert lake.find(key) == file
        assert file.rows == len(rows)


@settings(max_examples=40)
@given(rows_of(CATALOGUE_RUNNERS).filter(bool), st.data())
def test_a_row_twice_never_gets_in(rows, data):
    again = {**data.draw(st.sampled_from(rows)), "status": "LOSER"}
    table = pa.Table.from_pylist([*rows, again], CATALOGUE_RUNNERS.schema)
    with tempfile.TemporaryDirectory() as folder, pytest.raises(LakeError, match="1 rows repeat the key"):
        Lake(folder).write(key_of(CATALOGUE_RUNNERS), table, "print")


@pytest.fixture(scope="module", params=[ORDERS, CATALOGUE_RUNNERS], ids=lambda dataset: dataset.name)
def written(request, tmp_path_factory):
    dataset = request.param
    lake = Lake(tmp_path_factory.mktemp("lake"))
    example = {pa.string(): "{}", pa.float64(): 1.5, TIME: 7}
    rows = [
        {
            c.name: example[c.type].format(n) + str(n) if c.type == pa.string() else example.get(c.type, n)
            for c in dataset.columns
        }
        for n in range(50)
    ]
    key = key_of(dataset)
    file = lake.write(key, pa.Table.from_pylist(rows, dataset.schema), "print")
    return lake, key, Path(lake.root) / file.path


@settings(max_examples=150)
@given(data=st.data())
def test_a_cut_file_is_never_fresh(written, data):
    lake, key, path = written
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        assert lake.find(key) is None
    finally:
        path.write_bytes(whole)


@settings(max_examples=300)
@given(data=st.data())
def test_a_flipped_bit_never_changes_what_is_read(written, data):
    lake, key, path = written
    whole, table = path.read_bytes(), lake.read(key)
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(flipped)
        try:
            assert lake.read(key).equals(table)
        except LakeError as noticed:
            assert isinstance(noticed, DamagedFileError)  # noqa: PT017 - or what is read is the same: not every bit counts
            assert not path.exists()
    finally:
        path.write_bytes(whole)
