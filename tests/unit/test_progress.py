"""Progress: a sentence now and then, and one at the end, with what is done and how long the rest will take."""

import logging

import pytest

from tasks import progress
from tasks.progress import Piece, Progress, Words

WORDS = Words("chunks", "markets", "files")


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
    pieces = [Piece(5, 1_000_000) for _ in range(4)]
    stage = Progress("extract", WORDS, pieces)
    clock[0] += 2
    stage.advance(pieces[0], 10)
    assert said() == []
    clock[0] += 8
    stage.advance(pieces[1], 5)
    clock[0] += 1
    stage.advance(pieces[2], 5)
    assert said() == ["extract: 2 of 4 chunks, 15 markets, 2.0 of 4.0 MB; about 10 s left"]
    clock[0] += 1
    stage.advance(pieces[3], 1)
    assert said()[1:] == ["extract: 4 of 4 chunks, 21 markets, 4.0 of 4.0 MB in 12.0 s"]


def test_parts_without_a_size_are_counted(clock, said):
    pieces = [Piece() for _ in range(3)]
    stage = Progress("ratings", Words("days", "rows", "days"), pieces)
    clock[0] += 6
    stage.advance(pieces[0], 960)
    assert said() == ["ratings: 1 of 3 days, 960 rows; about 12 s left"]


def test_the_last_part_is_always_told(clock, said):
    piece = Piece(53)
    Progress("simulate", WORDS, [piece]).advance(piece, 53)
    assert said() == ["simulate: 1 of 1 chunks, 53 markets in 0.0 s"]
    assert clock == [1000.0]


def test_a_slow_first_part_of_no_size(clock, said):
    pieces = [Piece(), Piece(size=4_000_000)]
    stage = Progress("extract", WORDS, pieces)
    clock[0] += 6
    stage.advance(pieces[0], 1)
    assert said() == ["extract: 1 of 2 chunks, 1 markets, 0.0 of 4.0 MB"]


def test_what_was_found_says_nothing_of_how_long_the_rest_takes(clock, said):
    found, pieces = [Piece(90, 9_000_000)], [Piece(5, 500_000), Piece(5, 500_000)]
    stage = Progress("simulate", WORDS, pieces, found)
    stage.advance(found[0], 90)
    assert (stage.done, stage.rate, stage.seconds_left) == (90, None, None)
    clock[0] += 6
    stage.advance(pieces[0], 5)
    assert said() == ["simulate: 2 of 3 chunks, 95 markets, 9.5 of 10.0 MB; about 6 s left"]
    assert stage.rate == pytest.approx(5 / 6)


def test_a_part_under_way_counts_and_work_done_again_counts_once(clock):
    pieces = [Piece(10, 1_000), Piece(10, 3_000)]
    stage = Progress("simulate", WORDS, pieces)
    clock[0] += 4
    pieces[1].reach(0.7)
    assert (stage.done, stage.count, stage.done_size, stage.size) == (7, 20, 2_100, 4_000)
    pieces[1].reach(0.2)
    assert stage.done == 7
    assert stage.seconds_left == pytest.approx(4 * (4_000 - 2_100) / 2_100)
    for piece in pieces:
        stage.advance(piece, 10)
    clock[0] += 9
    assert (stage.done, stage.done_size, stage.fraction, stage.seconds) == (20, 4_000, 1.0, 4)
