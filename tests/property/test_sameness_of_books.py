"""Whatever the exchange sends, our stream's books are flumine's, from all messages and from the compressed ones."""

import copy
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import pytest
from betfairlightweight.resources import MarketBook
from flumine import config
from flumine.patching import EX
from flumine.simulation.utils import SimulatedDateTime
from hypothesis import given, settings
from hypothesis import strategies as st
from sameness import Messages, Seen, books, compare_streams, keep_all
from stream_messages import markets

from tasks.simulation.lean import ChangedBookError, LeanStream, WatchedStream
from tasks.simulation.stream import LakeStream
from tasks.windows.window import Window

WINDOWS = ["all", "80s", "preoff", "inplay", "-80s..", "-80s..60s", "inplay..60s", "..60s", "+30.5s..", "0.95s"]
SUMS = [
    {"calculate_market_tv": market, "cumulative_runner_tv": runners}
    for market, runners in ((True, True), (True, False), (False, True))
]


@settings(max_examples=40)
@pytest.mark.parametrize("window", WINDOWS)
@given(messages=markets())
def test_books_are_flumines_at_every_tick(window: str, messages: Messages):
    compare_streams(messages, Window.parse(window))


@settings(max_examples=40)
@pytest.mark.parametrize("window", WINDOWS)
@given(messages=markets(), sums=st.sampled_from(SUMS))
def test_books_are_flumines_where_volumes_are_summed(window: str, messages: Messages, sums: dict[str, bool]):
    compare_streams(messages, Window.parse(window), sums)


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


READS: dict[str, Callable[[MarketBook], object]] = {
    "runners": lambda book: book.runners,
    "number of runners": lambda book: book.number_of_runners,
    "volume": lambda book: book.total_matched,
    "message": lambda book: book.streaming_update,
    "definition": lambda book: (book.market_definition, book.price_ladder_definition, book.key_line_description),
    "vars": vars,
    "data": lambda book: book._data,
    "copy": copy.copy,
    "nothing": lambda book: book.status,
}


def read_now_and_then(expected: list[MarketBook], ticks: Iterator[list[MarketBook]], data: st.DataObject) -> None:
    """Read some books at once, hold some to read them later, and drop the others unread."""
    seen, held = Seen(), []
    for at, (book,) in enumerate(ticks):
        READS[data.draw(st.sampled_from([*READS, *["nothing"] * 5]))](book)
        what = data.draw(st.sampled_from(["compare", "hold", "hold", "drop", "drop", "drop"]))
        if what == "compare":
            seen.compare(expected[at], book)
        elif what == "hold":
            held.append((at, book))
        del book
        while held and data.draw(st.booleans()):
            then, kept = held.pop(data.draw(st.integers(0, len(held) - 1)))
            Seen().compare(expected[then], kept)
            del kept
    for then, kept in held:
        Seen().compare(expected[then], kept)


@settings(max_examples=60)
@pytest.mark.parametrize("stream_class", [LeanStream, WatchedStream])
@given(messages=markets(), window=st.sampled_from(WINDOWS), sums=st.sampled_from([{}, *SUMS]), data=st.data())
def test_books_are_flumines_whenever_they_are_read(
    stream_class: type[LakeStream], messages: Messages, window: str, sums: dict[str, bool], data: st.DataObject
):
    with SimulatedDateTime():
        config.current_time = None
        expected = [book for tick in books(LakeStream, messages, Window.parse(window), sums) for book in tick]
        read_now_and_then(expected, books(stream_class, messages, Window.parse(window), sums), data)


def changes(book: MarketBook) -> Iterator[Callable[[], object]]:
    """All that a strategy could do to a book, of each kind a few."""
    yield partial(setattr, book, "status", "another")
    yield partial(delattr, book, "publish_time")
    yield partial(setattr, book, "runners", [None])
    yield partial(setattr, book, "total_matched", -1)
    yield partial(setattr, book, "streaming_update", {})
    yield partial(book.streaming_update.update, note="mine")
    # Another variant would find it.
    yield partial(setattr, book, "note", "mine")
    yield partial(setattr, book.market_definition, "note", "mine")
    yield partial(setattr, book.market_definition, "market_time", None)
    for things in (book.runners, book.market_definition.runners):
        if things:
            yield things.clear
        if len(things) > 1:
            yield things.reverse
    for runner in book.runners:
        yield partial(setattr, runner, "last_price_traded", -1)
        yield partial(setattr, runner, "note", "mine")
        yield partial(setattr, runner, "ex", None)
        yield partial(setattr, runner.sp, "near_price", -1)
        yield partial(setattr, runner.ex, "available_to_back", [{"price": 1.5, "size": 1}])
        for prices in (runner.sp, runner.ex):
            for side in ("back_stake_taken", "lay_liability_taken", *EX.__slots__):
                levels = getattr(prices, side, None)
                if levels is None:
                    continue
                yield partial(levels.append, {"price": 1.5, "size": 1})
                if levels:
                    yield levels.pop
                    yield partial(levels[0].update, size=0.5)
                    yield partial(levels[-1].update, price=1.5)
                    yield levels[-1].clear


@settings(max_examples=300)
@given(messages=markets(), window=st.sampled_from(WINDOWS), sums=st.sampled_from([{}, *SUMS]), data=st.data())
def test_a_strategy_that_changes_a_book_is_found_out(
    messages: Messages, window: str, sums: dict[str, bool], data: st.DataObject
):
    ticks = [book for (book,) in books(WatchedStream, messages, Window.parse(window), sums)]
    if not ticks:
        return
    changed_at = data.draw(st.integers(0, len(ticks) - 1))
    stream = books(WatchedStream, messages, Window.parse(window), sums)
    for (book,) in islice(stream, changed_at):
        # What a book makes of itself when it is asked is no change.
        assert book._data["runners"] is not book.runners
        assert book.price_ladder_definition is book.price_ladder_definition
    (book,) = next(stream)
    data.draw(st.sampled_from(list(changes(book))))()
    with pytest.raises(ChangedBookError, match="of a market book, where it should change a copy"):
        list(stream)


@settings(max_examples=20)
@given(messages=markets())
def test_books_can_be_copied_and_pickled(messages: Messages):
    for (book,) in books(LeanStream, messages, Window()):
        for again in (copy.deepcopy(book), pickle.loads(pickle.dumps(book))):  # noqa: S301 - our own bytes
            Seen().compare(book, again)
            assert repr(again) == "<MarketBook>"
