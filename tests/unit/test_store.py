"""The lake's door: what does not fit is refused, what is written is whole, what is damaged is named."""

import os
import pickle
import platform
import shutil
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from served import PATIENCE, until

from tasks.errors import DamagedFileError, LakeError
from tasks.lake.dataset import Column
from tasks.lake.datasets import CATALOGUE_MARKETS, DATASETS, MARKETS, RATINGS, REJECTS, RESULTS_SUMMARY, TIME
from tasks.lake.disk import clear_left
from tasks.lake.store import Lake

KEY = replace(RATINGS, keys=("market_id", "selection_id")).at("mine", "2026-01-01")
ROWS = [
    {
        "market_id": f"1.20000000{n}",
        "selection_id": 10 + n,
        "rating": 2.5 + n,
        "name": "Rusty" if n else None,
        "source": "a.csv",
        "fetched_at": 1_767_225_600_000 + n,
    }
    for n in range(5)
]
TABLE = pa.Table.from_pylist(ROWS, RATINGS.schema)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def files_of(lake):
    return sorted(path.relative_to(lake.root).as_posix() for path in Path(lake.root).rglob("*") if path.is_file())


def write_pieces(lake, tables, error=None):
    """Write row groups, and raise an error before the end if there is one."""
    with lake.writer(KEY, "after") as writer:
        for table in tables:
            writer.write(table)
        if error:
            raise error


def path_of(lake, file):
    return Path(lake.root) / file.path


# Written and read


def test_what_was_written_is_read(lake):
    file = lake.write(KEY, TABLE, "print")
    assert lake.read(KEY).equals(TABLE)
    assert file.path == "ratings/model=mine/date=2026-01-01/data.parquet"
    assert (file.fingerprint, file.rows) == ("print", 5)
    assert file.bytes == path_of(lake, file).stat().st_size
    assert files_of(lake) == [file.path]


def test_a_file_says_what_it_is(lake):
    file = lake.write(KEY, TABLE, "print")
    metadata = pq.read_metadata(path_of(lake, file))
    assert metadata.metadata[b"fingerprint"] == b"print"
    assert metadata.metadata[b"dataset"] == b"ratings"
    assert metadata.schema.to_arrow_schema().field("rating").metadata[b"meaning"] == b"the model's price, decimal odds"
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_columns_are_read_in_the_order_asked(lake):
    lake.write(KEY, TABLE, "print")
    assert lake.read(KEY, columns=["rating", "market_id"]).column_names == ["rating", "market_id"]


def test_an_empty_table_is_a_file_too(lake):
    for dataset in DATASETS.values():
        key = dataset._at(*("x" for _ in dataset.partitions)).file()
        assert lake.write(key, dataset.schema.empty_table(), "print").rows == 0
        assert lake.read(key).equals(dataset.schema.empty_table())
    with lake.writer(KEY, "print") as writer:
        pass
    assert (writer.file.rows, lake.read(KEY).num_rows) == (0, 0)


def test_pieces_are_row_groups_in_one_file(lake):
    with lake.writer(MARKETS.at("a", 1), "print") as writer:
        for market_id in ("1.200000001", "1.200000002"):
            rows = [{"market_id": market_id, "publish_time": n, "message": "{}"} for n in range(3)]
            writer.write(pa.Table.from_pylist(rows, MARKETS.schema))
        assert files_of(lake)[0].startswith(".tmp/")
    assert writer.file.rows == 6
    with lake.reader(MARKETS.at("a", 1)) as reader:
        assert reader.metadata.num_row_groups == 2
        assert reader.read_row_group(1, ["market_id"])["market_id"].to_pylist() == ["1.200000002"] * 3


def test_notes_are_read_back_without_the_rows(lake):
    notes = {"replayed": "33", "depends": '{"helper.py": "ä"}'}
    file = lake.write(KEY, TABLE, "print", notes=notes)
    assert file.notes == notes
    assert lake.find(KEY) == file
    assert lake.read(KEY).equals(TABLE)
    with lake.writer(KEY, "print") as writer:
        writer.write(TABLE)
        writer.notes["counted at the end"] = "1"
    assert lake.find(KEY).notes == {"counted at the end": "1"}


def test_a_lake_in_memory():
    lake = Lake("memory://lake-of-store-tests")
    assert lake.find(KEY) is None
    file = lake.write(KEY, TABLE, "print")
    assert lake.read(KEY).equals(TABLE)
    assert lake.fresh(KEY, "print") == file
    assert lake.keys(KEY.folder) == [KEY]
    assert lake.values(RATINGS) == ["mine"]
    lake.delete(KEY)
    assert lake.find(KEY) is None
    with pytest.raises(KeyError):
        write_pieces(lake, [TABLE], KeyError)
    assert fsspec.filesystem("memory").find("/lake-of-store-tests") == []


def test_a_lake_crosses_to_other_processes(lake):
    lake.write(KEY, TABLE, "print")
    assert pickle.loads(pickle.dumps(lake)).read(KEY).equals(TABLE)  # noqa: S301 - our own bytes


# Refused


def without(name):
    return TABLE.drop_columns([name])


def set_column(name, values):
    return TABLE.set_column(TABLE.column_names.index(name), name, values)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (without("rating"), ["rating is missing"]),
        (TABLE.append_column("more", pa.array(range(5))), ["more is not a column of it"]),
        (set_column("rating", pa.array(["2.5"] * 5)), ["rating is string, not double"]),
        (set_column("selection_id", pa.array(range(5), pa.int32())), ["selection_id is int32, not int64"]),
        (set_column("fetched_at", pa.array(range(5), pa.timestamp("ms"))), ["fetched_at is timestamp[ms], not"]),
        (TABLE.select(list(reversed(TABLE.column_names))), ["the columns' order is"]),
        (set_column("rating", pa.array([1.0, None, None, 4, 5])), ["rating is empty in 2 rows"]),
        (pa.concat_tables([TABLE, TABLE.slice(0, 2)]), ["2 rows repeat the key", "market_id", "selection_id"]),
        (
            set_column("market_id", pa.array(range(5))).drop_columns(["name"]).append_column("more", pa.nulls(5)),
            ["name is missing", "more is not a column of it", "market_id is int64, not string"],
        ),
        (
            pa.concat_tables([TABLE, TABLE]).set_column(2, "rating", pa.array([None] * 10, pa.float64())),
            ["rating is empty in 10 rows", "5 rows repeat the key"],
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused_with_all_that_is_wrong(lake, table, said):
    with pytest.raises(LakeError) as refused:
        lake.write(KEY, table, "print")
    text = str(refused.value)
    assert "ratings/model=mine/date=2026-01-01/data.parquet" in text
    assert "\n" not in text
    for words in said:
        assert words in text
    assert files_of(lake) == []


def test_rows_without_names_may_repeat(lake):
    table = pa.Table.from_pylist([{"what": "a", "reason": "b", "detail": ""}] * 3, REJECTS.schema)
    assert lake.write(REJECTS.at("extract", "a", "all"), table, "print").rows == 3


def test_keys_that_repeat_in_another_piece_are_refused(lake):
    with pytest.raises(LakeError, match="repeat the key"):
        write_pieces(lake, [TABLE, TABLE])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (RATINGS.columns[:2], ["rating is missing", "name is missing"]),
        ((*RATINGS.columns, Column("more", pa.int64(), "x")), ["more is not a column of it"]),
        (
            (RATINGS.columns[0], Column("selection_id", pa.string(), "x"), *RATINGS.columns[2:]),
            ["selection_id is string, not int64"],
        ),
    ],
)
def test_a_file_of_another_schema_is_refused(lake, columns, said):
    other = replace(RATINGS, columns=columns, keys=())
    lake.write(other.at("mine", "2026-01-01"), other.schema.empty_table(), "print")
    with pytest.raises(LakeError) as refused:
        lake.read(KEY)
    for words in ("ratings/model=mine", *said):
        assert words in str(refused.value)


@pytest.mark.parametrize(
    "model",
    ["", "a/b", "..", ".hidden", "a\\b", "a=b", "a:b", 'a"b', "a*"],
)
def test_paths_that_cannot_be(lake, model):
    key = RATINGS.at(model, "x")
    for attempt in (lambda: key.path, lambda: lake.write(key, TABLE, "print"), lambda: lake.read(key)):
        with pytest.raises(LakeError, match="ratings"):
            attempt()
    assert not Path(lake.root).exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a?b"])
def test_names_that_cannot_be(name):
    with pytest.raises(LakeError):
        assert KEY.folder.file(name).path


# Whole or not at all


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_what_was_there(lake, there_before, error):
    if there_before:
        lake.write(KEY, TABLE.slice(0, 1), "before")
    files = files_of(lake)
    with pytest.raises(error):
        write_pieces(lake, [TABLE], error)
    assert files_of(lake) == files
    if there_before:
        assert lake.read(KEY).num_rows == 1
        assert lake.find(KEY).fingerprint == "before"


def test_a_refused_piece_leaves_nothing(lake):
    with pytest.raises(LakeError, match="rating is missing"):
        write_pieces(lake, [TABLE, without("rating")])
    assert files_of(lake) == []


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(lake):
    lake.write(KEY, TABLE.slice(0, 1), "before")
    with lake.writer(KEY, "after") as writer:
        writer.write(TABLE)
        assert lake.find(KEY).fingerprint == "before"
        assert lake.read(KEY).num_rows == 1
    assert lake.find(KEY).fingerprint == "after"
    assert lake.read(KEY).num_rows == 5


def killed_process_id():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_temporaries_of_the_dead_are_cleared_and_those_of_the_living_kept(lake):
    with lake.writer(KEY, "print") as writer:
        writer.write(TABLE)
        folder = Path(lake.root) / ".tmp"
        [mine] = folder.iterdir()
        dead = folder / f"{platform.node()}.{killed_process_id()}.{uuid.uuid4().hex}"
        dead.write_bytes(b"half")
        elsewhere = folder / f"another-machine.{killed_process_id()}.{uuid.uuid4().hex}"
        elsewhere.write_bytes(b"half")
        assert clear_left(Path(lake.root) / ".tmp") == 1
        assert sorted(folder.iterdir()) == sorted([mine, elsewhere])
    assert lake.read(KEY).num_rows == 5
    assert clear_left(Path(lake.root) / ".tmp") == 0


def test_no_temporaries_in_a_lake_that_is_not_there(lake):
    assert clear_left(Path(lake.root) / ".tmp") == 0


def test_a_strange_file_among_the_temporaries_is_left_alone(lake):
    stranger = Path(lake.root) / ".tmp" / ".DS_Store"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"")
    assert clear_left(Path(lake.root) / ".tmp") == 0
    assert stranger.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes among its files")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_in_the_place_of_a_file_is_said(lake, make):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    path.unlink()
    make(path)
    for use in (lake.find, lake.read):
        with pytest.raises(LakeError, match="is a folder, a pipe or a device; delete it"):
            use(KEY)
    page = Path(lake.root) / "page.html"
    make(page)
    with pytest.raises(LakeError, match="delete it"):
        lake.read_page("page.html")


WRITE_AND_DIE = """
import os, sys
sys.path[:] = {path!r}
from tasks.lake.datasets import RATINGS
from tasks.lake.store import Lake
with Lake({root!r}).writer(RATINGS.at("mine", "2026-01-01"), "print") as writer:
    writer.write(RATINGS.schema.empty_table())
    os._exit(9)
"""


def test_a_killed_writer_leaves_only_a_temporary_that_the_next_clears(lake):
    script = WRITE_AND_DIE.format(path=sys.path, root=lake.root)
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert lake.find(KEY) is None
    [left] = files_of(lake)
    assert left.startswith(".tmp/")
    assert clear_left(Path(lake.root) / ".tmp") == 1
    assert files_of(lake) == []


HOLD = """
import sys, time
sys.path[:] = {path!r}
from tasks.lake.store import Lake
with Lake({root!r}).alone():
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_works_on_a_lake_at_a_time_until_it_ends_however_it_ends(lake, caplog):
    script = HOLD.format(path=sys.path, root=lake.root)
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"held\n"
        with caplog.at_level("INFO", "backtest"), ThreadPoolExecutor(1) as threads:
            working = threads.submit(work_alone, lake)
            until(lambda: "waiting for another run on the lake" in caplog.text)
            assert not working.done()
            holder.kill()
            assert working.result(PATIENCE) == "alone"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def work_alone(lake):
    with lake.alone():
        return "alone"


def test_what_killed_runs_left_is_gone_when_one_begins(lake):
    dead = Path(lake.root) / ".tmp" / f"{platform.node()}.{killed_process_id()}.{uuid.uuid4().hex}"
    dead.parent.mkdir(parents=True)
    dead.write_bytes(b"half")
    with lake.alone():
        assert not dead.exists()


def test_a_lake_that_is_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "lake").write_text("not a folder")
    with pytest.raises(LakeError, match="cannot be written to the lake") as refused, Lake(tmp_path / "lake").alone():
        pass
    assert "\n" not in str(refused.value)


# Found or not


def test_fresh_is_the_same_fingerprint(lake):
    assert lake.fresh(KEY, "print") is None
    file = lake.write(KEY, TABLE, "print")
    assert lake.fresh(KEY, "print") == lake.find(KEY) == file
    assert lake.fresh(KEY, "other") is None
    assert lake.fresh(KEY.folder.file("other-name"), "print") is None
    assert lake.fresh(RATINGS.at("mine", "2026-01-02"), "print") is None


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -300])
def test_a_cut_file_is_not_found_and_not_read(lake, keep):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    path.write_bytes(path.read_bytes()[:keep])
    assert lake.find(KEY) is None
    with pytest.raises(LakeError, match=r"ratings/model=mine.*damaged.*was deleted; run the stage"):
        lake.read(KEY)


def test_a_parquet_of_another_hand_is_not_fresh(lake):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    for table in (TABLE, pq.read_table(path)):  # the second has the first writer's metadata
        pq.write_table(table, path)
        assert lake.find(KEY) is None
        assert lake.fresh(KEY, "print") is None
        with pytest.raises(DamagedFileError, match="damaged"):
            lake.read(KEY)
        lake.write(KEY, TABLE, "print")


def test_a_page_of_another_file_is_found_by_a_check_of_the_whole(lake):
    """Its own checksum is right, and its length: as where somebody edits a file by hand."""
    others = TABLE.set_column(2, "rating", pa.array([9.5, 8.5, 7.5, 6.5, 5.5]))
    other = path_of(lake, lake.write(RATINGS.at("mine", "2026-01-02"), others, "print")).read_bytes()
    file = lake.write(KEY, TABLE, "print")
    path = path_of(lake, file)
    own, footer = path.read_bytes(), pq.read_metadata(path).serialized_size
    assert len(own) == len(other)
    path.write_bytes(other[: -footer - 8] + own[-footer - 8 :])
    with pytest.raises(DamagedFileError, match="its content does not match its checksum"):
        lake.check(KEY)
    assert not path.exists()


def test_a_flipped_byte_in_a_page_is_noticed_and_named(lake):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    whole = path.read_bytes()
    column = pq.read_metadata(path).row_group(0).column(2)
    end = column.dictionary_page_offset + column.total_compressed_size if column.dictionary_page_offset else 0
    position = (end or column.data_page_offset + column.total_compressed_size) - 1
    path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
    with pytest.raises(LakeError, match=r"ratings/model=mine/date=2026-01-01/data\.parquet.*damaged"):
        lake.read(KEY)
    path.write_bytes(whole)
    assert lake.read(KEY).equals(TABLE)


def test_a_flipped_byte_in_the_fingerprint_is_a_file_to_be_made_again(lake):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"print", 0, content.rindex(b"ARROW:schema"))] ^= 0x80
    path.write_bytes(content)
    assert lake.fresh(KEY, "print") is None


def test_a_flipped_byte_in_the_footer_is_noticed_and_named(lake):
    path = path_of(lake, lake.write(KEY, TABLE, "print"))
    content = bytearray(path.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[content.index(b"selection_id", footer)] ^= 0x80
    path.write_bytes(content)
    with pytest.raises(LakeError, match="ratings/model=mine"):
        lake.read(KEY)


def test_a_missing_file_says_what_to_do(lake):
    with pytest.raises(LakeError, match=r"ratings/model=mine.*is not in the lake.*run the stage"):
        lake.read(KEY)


# Listed and deleted


def names(lake, folder):
    return [key.name for key in lake.keys(folder)]


def test_files_of_a_partition_are_read_in_the_order_of_their_names(lake):
    folder = REJECTS.of("extract", "a")
    assert lake.read_all(folder).equals(REJECTS.schema.empty_table())
    for name in ("chunk-0002", "chunk-0010", "chunk-0001"):
        rows = pa.Table.from_pylist([{"what": name, "reason": "", "detail": ""}], REJECTS.schema)
        lake.write(folder.file(name), rows, "p")
    assert names(lake, folder) == ["chunk-0001", "chunk-0002", "chunk-0010"]
    assert lake.read_all(folder)["what"].to_pylist() == names(lake, folder)
    lake.delete(folder.file("chunk-0002"))
    lake.delete(folder.file("chunk-0002"))
    assert names(lake, folder) == ["chunk-0001", "chunk-0010"]


def test_values_and_the_newest(lake):
    a, b, c, d = map(RESULTS_SUMMARY.at, "abcd")
    assert (lake.values(RESULTS_SUMMARY), lake.newest([a])) == ([], None)
    for number, run in enumerate(("b", "a", "c")):
        file = lake.write(RESULTS_SUMMARY.at(run), RESULTS_SUMMARY.schema.empty_table(), "p")
        os.utime(path_of(lake, file), (0, 1_000_000_000 - number))
    assert lake.values(RESULTS_SUMMARY) == ["a", "b", "c"]
    assert lake.newest([a, b, c]) == b
    assert lake.newest([a, c, d]) == a


def test_the_latest_first(lake):
    folder = REJECTS.of("extract", "a")
    assert lake.latest_first(folder) == []
    for number, written in enumerate((5, 9, 1, 5), start=1):
        file = lake.write(folder.file(f"chunk-000{number}"), REJECTS.schema.empty_table(), "p")
        os.utime(path_of(lake, file), (0, 1_000_000_000 + written))
    latest = [key.name for key in lake.latest_first(folder)]
    assert latest == ["chunk-0002", "chunk-0004", "chunk-0001", "chunk-0003"]


def test_what_an_older_layout_left_is_deleted_and_nothing_else(lake):
    assert lake.forget_old(RESULTS_SUMMARY) == 0
    kept = lake.write(RESULTS_SUMMARY.at("a"), RESULTS_SUMMARY.schema.empty_table(), "p")
    other = lake.write(KEY, TABLE, "p")
    for folder in ("strategy=mine-1/archive=month/chunk=1", "strategy=mine-2/archive=month/chunk=1"):
        old = path_of(lake, kept).parents[1] / folder / "data.parquet"
        old.parent.mkdir(parents=True)
        shutil.copy(path_of(lake, kept), old)
    folder = path_of(lake, kept).parents[1]
    (folder / ".DS_Store").write_bytes(b"somebody's")
    (folder / "somebody's").mkdir()
    assert lake.forget_old(RESULTS_SUMMARY) == 2
    assert files_of(lake) == sorted(["results/summary/.DS_Store", kept.path, other.path])
    assert (folder / "somebody's").exists()
    assert lake.forget_old(RESULTS_SUMMARY) == 0


@pytest.mark.parametrize(
    "place", ["archive=a/foo.parquet", "foo/data.parquet", "archive=a/chunk-x.parquet", "x.parquet"]
)
def test_a_file_that_is_not_ours_is_left_alone_and_said_once(place, lake, caplog):
    key = CATALOGUE_MARKETS.at("a", 1)
    ours = lake.write(key, CATALOGUE_MARKETS.schema.empty_table(), "p")
    strange = path_of(lake, ours).parents[1] / place
    strange.parent.mkdir(exist_ok=True)
    strange.write_bytes(b"somebody's")
    (strange.parent / ".DS_Store").write_bytes(b"a file manager's")
    for _ in range(2):
        assert lake.values(CATALOGUE_MARKETS) == ["a"]
        assert lake.keys(CATALOGUE_MARKETS.of("a")) == lake.all_keys(CATALOGUE_MARKETS) == [key]
        assert lake.read_all(CATALOGUE_MARKETS.of("a")).num_rows == 0
    assert strange.read_bytes() == b"somebody's"
    assert caplog.messages == [
        f"catalogue/markets/{place} in the lake {lake.root} is not one of its files and is ignored"
    ]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_every_dataset_is_declared_whole(dataset):
    names = [column.name for column in dataset.columns]
    assert len(set(names)) == len(names)
    assert set(dataset.keys) <= {column.name for column in dataset.columns if not column.nullable}
    assert not set(dataset.partitions) & set(names) - {"strategy"}
    assert all(column.meaning for column in dataset.columns)
    assert all(column.type == TIME for column in dataset.columns if pa.types.is_timestamp(column.type))
    assert all(column.type == pa.string() for column in dataset.columns if column.name == "market_id")
