"""Whatever the exchange sends, our stream's books are flumine's, from all messages and from the folded ones."""

import copy
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sameness import Messages, Seen, books, compare_streams, keep_all
from stream_messages import markets

from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.stream import LakeStream
from tasks.simulation.window import Window

WINDOWS = ["all", "80s", "preoff", "inplay", "-80s..", "-80s..60s", "inplay..60s"]


@settings(max_examples=40)
@pytest.mark.parametrize("window", WINDOWS)
@given(messages=markets())
def test_books_are_flumines_at_every_tick(window: str, messages: Messages):
    compare_streams(messages, Window.parse(window))


@settings(max_examples=40)
@given(messages=markets(), window=st.sampled_from(WINDOWS))
def test_a_kept_book_never_changes(messages: Messages, window: str):
    expected = keep_all(LakeStream, messages, Window.parse(window))
    kept = keep_all(LeanStream, messages, Window.parse(window))
    assert len(expected) == len(kept)
    for one, other in zip(expected, kept, strict=True):
        other._datetime_created = other._datetime_updated = one._datetime_created
        one._datetime_updated = one._datetime_created
        Seen().compare(one, other)


@settings(max_examples=40)
@given(messages=markets(), window=st.sampled_from(WINDOWS), data=st.data())
def test_a_strategy_that_spoils_a_book_spoils_no_more_than_in_flumine(
    messages: Messages, window: str, data: st.DataObject
):
    streams = [books(stream, messages, Window.parse(window)) for stream in (LakeStream, LeanStream)]
    for (one,), (other,) in zip(*streams, strict=True):
        ladders = [
            [getattr(runner.ex, side) for runner in book.runners for side in runner.ex.__slots__]
            for book in (one, other)
        ]
        assert ladders[0] == ladders[1]
        for book in (one, other):
            book.runners.reverse()
            book.runners.clear()
        if ladders[0] and data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(ladders[0]) - 1))
            for spoiled in ladders:
                # An empty ladder of flumine's is nobody's; to put something into it would be lost there.
                if spoiled[at]:
                    spoiled[at].clear()


@settings(max_examples=20)
@given(messages=markets())
def test_books_can_be_copied_and_pickled(messages: Messages):
    for (book,) in books(LeanStream, messages, Window()):
        for again in (copy.deepcopy(book), pickle.loads(pickle.dumps(book))):  # noqa: S301 - our own bytes
            Seen().compare(book, again)
            assert repr(again) == "<MarketBook>"
