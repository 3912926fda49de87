"""What a job needs from a machine: the same versions, lake, archives and files, told in one line where it lacks one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.cluster.place import Place, here
from tasks.lake.store import Lake
from tasks.variants.dependencies.record import Dependencies, Module


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("month.tar").write_bytes(b"month")


@contextmanager
def place(lake: str = "lake", **strategies: Dependencies) -> Iterator[Place]:
    opened = Lake(lake)
    with opened.marked() as mark:
        yield here(
            opened, mark, archives=("month.tar",), strategies=strategies, is_own_strategy=bool(strategies), megabytes=1
        )


def lacking(place: Place) -> str:
    found = place.lacking()
    assert found is not None
    assert "\n" not in found
    return found


def test_where_it_was_made_it_lacks_nothing():
    with place() as made:
        assert made.other_version() is None
        assert made.lacking() is None


def test_it_is_entered_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "mine")
    with place() as made:
        monkeypatch.chdir("elsewhere")
        sys.path.remove(str(tmp_path / "mine"))
        made.enter()
        assert Path.cwd() == tmp_path
        assert str(tmp_path / "mine") in sys.path
        assert made.lacking() is None


def test_another_version_is_told_with_both():
    with place() as made:
        other = replace(made, versions={**made.versions, "pyarrow": "1.2.3"})
    said = other.other_version()
    assert said is not None
    assert said.startswith(f"its pyarrow is {made.versions['pyarrow']}, here it is 1.2.3; install")


def test_another_lake_at_the_same_path():
    with place() as made:
        pass
    assert lacking(made).startswith("it does not see the lake lake; give a folder that all machines share")


def test_a_mark_is_gone_after_its_block():
    with place():
        assert list(Path("lake/.tmp").iterdir())
    assert not list(Path("lake/.tmp").iterdir())


def test_another_archive_at_the_same_path():
    with place() as made:
        Path("month.tar").write_bytes(b"months")
        assert "it does not see the same month.tar;" in lacking(made)
        Path("month.tar").unlink()
        assert "it does not see the same month.tar;" in lacking(made)


def test_another_folder():
    with place() as made:
        assert "it has no folder /nowhere" in lacking(replace(made, folder="/nowhere"))


def test_a_folder_is_not_asked_for_without_need(tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    archives = (str(tmp_path / "month.tar"), "s3://bucket/month.tar")
    made = here(lake, "", archives=archives, strategies={}, is_own_strategy=False, megabytes=1)
    assert not made.folder
    assert [file.path for file in made.files] == [str(tmp_path / "month.tar")]
    assert here(lake, "", archives=(), strategies={}, is_own_strategy=True, megabytes=1).folder == str(tmp_path)


def test_another_strategy_at_the_same_path():
    with place(mine=Dependencies(modules={"mine": Module("mine.py", "another")})) as made:
        assert lacking(made).startswith("of mine, mine.py is gone there; have the same files at the same paths")
