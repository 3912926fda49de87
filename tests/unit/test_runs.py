"""What the lake says of runs, and which is the latest: the one asked for last, whatever the files' times say."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_report import RECORD

from tasks.lake.datasets import RESULTS_SUMMARY, RUNS
from tasks.lake.store import Lake
from tasks.runs import latest_run, note_asked, note_done, read_run

LATER = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def record(run, **said):
    return RECORD.model_copy(update={"run": run, **said})


def ask(lake, run, at=0):
    file = lake.write(RESULTS_SUMMARY.at(run), RESULTS_SUMMARY.schema.empty_table(), "p")
    os.utime(Path(lake.root, file.path), (0, 1_000_000_000 + at))
    note_asked(lake, record(run))


def test_an_empty_lake_has_none(lake):
    assert latest_run(lake) is None


def test_the_one_that_was_asked_last_though_the_clock_was_set_back(lake):
    ask(lake, "a", at=100)
    ask(lake, "b", at=-100)
    assert latest_run(lake) == "b"


def test_one_that_was_there_already_and_is_asked_again(lake):
    ask(lake, "a")
    ask(lake, "b")
    note_asked(lake, record("a"))
    assert latest_run(lake) == "a"


def test_in_a_copy(lake, tmp_path):
    for run in "bca":
        ask(lake, run)
    shutil.copytree(lake.root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert latest_run(Lake(tmp_path / "copy")) == "a"


def test_a_run_without_results_is_passed_over(lake):
    ask(lake, "a")
    note_asked(lake, record("b"))
    assert latest_run(lake) == "a"


def test_of_runs_from_before_there_were_numbers_the_one_written_last(lake):
    for run, at in (("a", 5), ("b", 9), ("c", 1)):
        ask(lake, run, at)
    shutil.rmtree(Path(lake.root, "runs"))
    assert latest_run(lake) == "b"
    note_asked(lake, record("c"))
    assert latest_run(lake) == "c"


def test_of_two_machines_at_once_the_one_written_last(lake, tmp_path):
    other = Lake(tmp_path / "other")
    for one, run, at in ((lake, "a", 5), (other, "b", 3)):
        ask(one, run, at)
    shutil.copytree(other.root, lake.root, dirs_exist_ok=True)
    assert latest_run(lake) == "a"
    note_asked(lake, record("b"))
    assert latest_run(lake) == "b"


def test_a_run_has_one_file_however_often_it_is_asked(lake):
    for run in "aabbaab":
        ask(lake, run)
    assert [key.path for key in lake.all_keys(RUNS)] == [
        "runs/run=a/000000000003.parquet",
        "runs/run=b/000000000004.parquet",
    ]
    assert lake.read_all(RUNS.of("b"))["asked"].to_pylist() == [4]


def test_a_run_is_asked_then_done(lake):
    noted = note_asked(lake, record("a"))
    assert read_run(lake, "a") == noted == record("a", number=1)
    note_done(lake, noted, "0011", "a-1: no bets", LATER)
    done = record("a", number=1, state="done", results="0011", verdict="a-1: no bets", done_at=LATER)
    assert read_run(lake, "a") == done


def test_what_is_asked_again_unchanged_stays_done(lake):
    note_done(lake, note_asked(lake, record("a")), "0011", "no bets", LATER)
    done = read_run(lake, "a")
    assert note_asked(lake, record("a", asked_at=LATER, asked_by="deployment monthly")) == done == read_run(lake, "a")


def test_what_is_asked_otherwise_or_after_another_is_asked_anew(lake):
    note_done(lake, note_asked(lake, record("a")), "0011", "no bets", LATER)
    assert note_asked(lake, record("a", versions={"flumine": "4"})).state == "asked"
    note_asked(lake, record("b"))
    again = note_asked(lake, record("a", asked_at=LATER))
    assert (again.state, again.number, again.asked_at) == ("asked", 3, LATER)


def test_a_run_that_an_earlier_version_noted_is_unknown_and_keeps_its_place(lake):
    ask(lake, "a")
    folder = Path(lake.root, "runs", "run=b")
    folder.mkdir()
    pq.write_table(pa.table({"asked": [2]}), folder / "000000000002.parquet")
    lake.write(RESULTS_SUMMARY.at("b"), RESULTS_SUMMARY.schema.empty_table(), "p")
    assert read_run(lake, "b") is None
    assert latest_run(lake) == "b"
    assert note_asked(lake, record("b")).number == 2


def test_records_that_were_swapped_are_none(lake):
    ask(lake, "a", at=1)
    ask(lake, "b", at=2)
    first, second = (Path(lake.root, RUNS.at(run, number).path) for run, number in (("a", 1), ("b", 2)))
    first.rename(second.parent / first.name)
    second.rename(first.parent / second.name)
    assert read_run(lake, "a") is None
    assert read_run(lake, "b") is None
