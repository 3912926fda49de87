"""Progress: a sentence now and then, and one at the end, with what is done and how long the rest will take."""

import logging

import pytest

from tasks import progress
from tasks.progress import Progress, Words

WORDS = Words("chunks", "markets")


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger="backtest")
    return lambda: [record.getMessage() for record in caplog.records]


def test_sentences(clock, said):
    stage = Progress("extract", WORDS, 4, 4_000_000)
    clock[0] += 2
    stage.advance(10, 1_000_000)
    assert said() == []
    clock[0] += 8
    stage.advance(5, 1_000_000)
    clock[0] += 1
    stage.advance(5, 1_000_000)
    assert said() == ["extract: 2 of 4 chunks, 15 markets, 2.0 of 4.0 MB; about 10 s left"]
    clock[0] += 1
    stage.advance(1, 1_000_000)
    assert said()[1:] == ["extract: 4 of 4 chunks, 21 markets, 4.0 of 4.0 MB in 12.0 s"]


def test_parts_without_a_size_are_counted(clock, said):
    stage = Progress("ratings", Words("days", "rows"), 3, 0)
    clock[0] += 6
    stage.advance(960, 0)
    assert said() == ["ratings: 1 of 3 days, 960 rows; about 12 s left"]


def test_the_last_part_is_always_told(clock, said):
    Progress("simulate", WORDS, 1, 0).advance(53, 0)
    assert said() == ["simulate: 1 of 1 chunks, 53 markets in 0.0 s"]
    assert clock == [1000.0]


def test_a_slow_first_part_of_no_size(clock, said):
    stage = Progress("extract", WORDS, 2, 4_000_000)
    clock[0] += 6
    stage.advance(1, 0)
    assert len(said()) == 1
