"""Rejects: written down as they are met, replaced by the next run's, gone when there are none."""

from tasks.lake.datasets import REJECTS
from tasks.lake.store import Lake
from tasks.rejects import Reject, RejectSource, as_table, count_rejects, write_down

FOLDER = REJECTS.of("extract", "january")
BAD = [Reject("b.bz2", "cut short", "after 7 bytes"), Reject("a.bz2", "empty")]


def test_a_row_each_in_the_order_met():
    table = as_table(BAD)
    assert table.schema.equals(REJECTS.schema)
    assert [Reject(**row) for row in table.to_pylist()] == BAD
    assert as_table([]).num_rows == 0


def test_written_down_replaced_and_taken_away(tmp_path):
    lake = Lake(tmp_path)
    for rejects in (BAD, BAD[:1], iter(BAD)):
        expected = BAD if not isinstance(rejects, list) else rejects
        assert write_down(lake, "extract", "january", rejects, "entries") == len(expected)
        assert [Reject(**row) for row in lake.read(FOLDER.file("entries")).to_pylist()] == expected
    assert write_down(lake, "extract", "january", [], "entries") == 0
    assert lake.find(FOLDER.file("entries")) is None


def test_the_same_again_writes_nothing(tmp_path):
    lake = Lake(tmp_path)
    write_down(lake, "extract", "january", BAD, "entries")
    [path] = tmp_path.rglob("*.parquet")
    before = path.stat().st_ino
    write_down(lake, "extract", "january", BAD, "entries")
    assert path.stat().st_ino == before


def test_other_names_and_sources_are_left_alone(tmp_path):
    lake = Lake(tmp_path)
    write_down(lake, "extract", "january", BAD, "chunk-0001")
    write_down(lake, "extract", "february", BAD, "entries")
    write_down(lake, "extract", "january", [], "entries")
    assert lake.keys(FOLDER) == [FOLDER.file("chunk-0001")]
    february = REJECTS.of("extract", "february")
    assert lake.keys(february) == [february.file("entries")]


def test_counted_by_reason_the_most_frequent_first(tmp_path):
    lake = Lake(tmp_path)
    write_down(lake, "extract", "january", [*BAD, Reject("c.bz2", "empty")], "chunk-0001")
    write_down(lake, "ratings", "iggy", [Reject("row 7", "duplicate", "as row 3")], "2026-01-01")
    write_down(lake, "extract", "february", BAD, "chunk-0001")
    write_down(lake, "ratings", "iggy", [Reject("row 9", "of another run")], "2026-02-01")
    sources = [
        RejectSource("ratings", "iggy", ("2026-01-01", "2026-01-02")),
        RejectSource("extract", "january", ("entries", "chunk-0001", "chunk-0002")),
    ]
    counted = count_rejects(lake, sources)
    assert [(row["stage"], row["reason"], row["count"], row["for example"]) for row in counted] == [
        ("extract", "empty", 2, "a.bz2"),
        ("extract", "cut short", 1, "b.bz2: after 7 bytes"),
        ("ratings", "duplicate", 1, "row 7: as row 3"),
    ]
