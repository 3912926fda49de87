"""The sample on disk: layout, ratings, repeatable bytes, and no work done twice."""

import bz2
import csv
import hashlib
import math
import re
import statistics
import tarfile

import orjson
import pytest

from sample import archive as archive_module
from sample.archive import write_archive, write_sample
from sample.atomic import replacing
from sample.chance import seeded
from sample.races import draw_month
from sample.ratings import COLUMNS, ERROR, write_ratings


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def few_races(monkeypatch):
    """Makes samples of three races, where a test needs several."""
    monkeypatch.setattr(archive_module, "draw_month", lambda seed: draw_month(seed, races=3, days=1))


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows_of(sample):
    for path in sorted(sample.ratings.iterdir()):
        with path.open(newline="") as file:
            yield from ((path.stem, row) for row in csv.DictReader(file))


def test_layout_of_the_archive(sample):
    assert sample.archive.name == "2026_01_JanSyntheticPro.tar"
    with tarfile.open(sample.archive) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [
            f"PRO/2026/Jan/{race.market_time.day}/{race.event_id}/{race.market_id}.bz2" for race in sample.races
        ]
        assert all(re.fullmatch(r"PRO/2026/Jan/[1-3]/\d{8}/1\.\d{9}\.bz2", member.name) for member in members)
        assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
            (0, 0, 0, "", "")
        }
        for member, race in zip(members, sample.races, strict=True):
            lines = bz2.decompress(tar.extractfile(member).read()).splitlines()
            assert orjson.loads(lines[-1])["mc"][0]["id"] == race.market_id


@pytest.mark.usefixtures("few_races")
def test_same_seed_same_bytes(tmp_path):
    first, second = write_sample(tmp_path / "a", 5), write_sample(tmp_path / "b", 5)
    other = write_sample(tmp_path / "c", 6)
    assert digest(first.archive) == digest(second.archive) != digest(other.archive)
    for path in first.ratings.iterdir():
        assert digest(path) == digest(second.ratings / path.name)
    assert first.races == second.races != other.races


def test_a_market_does_not_depend_on_the_others(tmp_path):
    races = draw_month(5, races=6, days=1)
    write_archive(tmp_path / "all.tar", races, 5)
    write_archive(tmp_path / "some.tar", races[3:], 5)
    with tarfile.open(tmp_path / "all.tar") as every, tarfile.open(tmp_path / "some.tar") as some:
        for member in some.getmembers():
            assert every.extractfile(member.name).read() == some.extractfile(member).read()


@pytest.mark.usefixtures("few_races")
def test_second_writing_does_nothing(tmp_path, monkeypatch):
    first = write_sample(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026_01_JanSyntheticPro.tar", "ratings", "sample.json"]
    monkeypatch.setattr(archive_module, "write_archive", lambda *_: pytest.fail("wrote the archive again"))
    monkeypatch.setattr(archive_module, "write_ratings", lambda *_: pytest.fail("wrote the ratings again"))
    assert write_sample(tmp_path) == first


def lose_a_rating(folder):
    (folder / "ratings" / "2026-01-01.csv").unlink()


def cut_the_archive(folder):
    with (folder / archive_module.NAME).open("r+b") as file:
        file.truncate(1000)


def spoil_the_note(folder):
    (folder / "sample.json").write_text("[]")


def change_the_generator(folder):
    note = folder / "sample.json"
    note.write_bytes(orjson.dumps({**orjson.loads(note.read_bytes()), "generator": "older"}))


@pytest.mark.parametrize("spoil", [lose_a_rating, cut_the_archive, spoil_the_note, change_the_generator])
@pytest.mark.usefixtures("few_races")
def test_anything_amiss_and_it_is_made_anew(tmp_path, spoil):
    files = {path: path.read_bytes() for path in write_sample(tmp_path).archive.parent.rglob("*") if path.is_file()}
    spoil(tmp_path)
    write_sample(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files


@pytest.mark.usefixtures("few_races")
def test_another_seed_takes_its_place(tmp_path):
    before = digest(write_sample(tmp_path, 1).archive)
    assert digest(write_sample(tmp_path, 2).archive) != before
    assert digest(write_sample(tmp_path, 1).archive) == before


def test_a_writing_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail_half_way():
        with replacing(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("file", b"before")]


def test_ratings_columns_and_rows(sample):
    assert tuple(next(rows_of(sample))[1]) == COLUMNS
    assert [path.name for path in sorted(sample.ratings.iterdir())] == [
        "2026-01-01.csv",
        "2026-01-02.csv",
        "2026-01-03.csv",
    ]
    found = {
        (day, row["meetings.races.bfExchangeMarketId"], int(row["meetings.races.runners.bfExchangeSelectionId"]))
        for day, row in rows_of(sample)
    }
    assert found == {
        (race.market_time.date().isoformat(), race.market_id, runner.selection_id)
        for race in sample.races
        for runner in race.runners
    }
    assert all(re.fullmatch(r"\d+\.\d\d", row["meetings.races.runners.ratedPrice"]) for _, row in rows_of(sample))
    assert (sample.ratings / "2026-01-01.csv").read_bytes().count(b"\r\n") > 100


def test_rated_prices_are_near_the_true_ones(sample):
    true = {runner.selection_id: runner.win_probability for race in sample.races for runner in race.runners}
    errors = [
        math.log(
            float(row["meetings.races.runners.ratedPrice"])
            * true[int(row["meetings.races.runners.bfExchangeSelectionId"])]
        )
        for _, row in rows_of(sample)
    ]
    assert abs(statistics.mean(errors)) < 0.04
    assert statistics.stdev(errors) == pytest.approx(ERROR, abs=0.03)


def test_ratings_without_error_are_the_truth(tmp_path):
    races = draw_month(1, races=3, days=1)
    [path] = write_ratings(tmp_path, races, seeded(1), error=0)
    with path.open(newline="") as file:
        rated = [row["meetings.races.runners.ratedPrice"] for row in csv.DictReader(file)]
    assert rated == [f"{1 / runner.win_probability:.2f}" for race in races for runner in race.runners]
