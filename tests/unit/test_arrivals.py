"""What is announced again: an archive that is another, by what its store says of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flows import arrivals as module
from flows.inbox import InboxParameters

Look = Callable[[], list[str]]

ANNOUNCED, BEFORE = ["announced"], ["announced before"]


@pytest.fixture
def month(tmp_path, write_tar):
    (tmp_path / "inbox").mkdir()
    return Path(write_tar(tmp_path / "inbox" / "month.tar", {"1.200000001.bz2": b"one"}))


@pytest.fixture
def look(month, tmp_path, monkeypatch) -> Look:
    """Look once; return the outcomes."""
    monkeypatch.setattr(module, "announce_arrival", lambda *_, **__: True)
    parameters = InboxParameters(inbox=str(month.parent), lake=str(tmp_path / "lake"), settle_seconds=0)
    return lambda: [archive.outcome for archive in module.arrivals.fn(parameters).archives]


def replace(month: Path, raw: bytes) -> None:
    """Put another file in an archive's place, with the same time."""
    other, before = month.with_name(".other"), month.stat()
    other.write_bytes(raw)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(month)


def test_one_of_the_same_size_and_time_is_another(month, look):
    assert [look(), look()] == [ANNOUNCED, BEFORE]
    replace(month, month.read_bytes())
    assert [look(), look()] == [ANNOUNCED, BEFORE]


def test_one_of_another_size_is_another_where_the_store_says_no_more(month, look, tmp_path, write_tar, monkeypatch):
    monkeypatch.setattr(module, "state_of", lambda _address: "")
    assert [look(), look()] == [ANNOUNCED, BEFORE]
    larger = write_tar(tmp_path / "larger.tar", {"1.200000001.bz2": bytes(20_000)})
    replace(month, Path(larger).read_bytes())
    assert [look(), look()] == [ANNOUNCED, BEFORE]


def test_one_that_is_replaced_as_it_is_announced_is_announced_again(month, look, monkeypatch):
    def announce(*_, **__):
        replace(month, month.read_bytes())
        return True

    with monkeypatch.context() as patched:
        patched.setattr(module, "announce_arrival", announce)
        assert look() == ANNOUNCED
    assert [look(), look()] == [ANNOUNCED, BEFORE]


def test_one_that_is_moved_away_as_it_is_looked_at_fails_no_look(month, look, monkeypatch):
    found = module.look_through

    def move(parameters, handle):
        def handle_moved(archive, asked):
            month.unlink()
            return handle(archive, asked)

        return found(parameters, handle_moved)

    monkeypatch.setattr(module, "look_through", move)
    assert look() == ["still arriving"]
