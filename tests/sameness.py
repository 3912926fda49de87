"""Two streams side by side: every attribute of every book, with its type."""

import bz2
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

import orjson
from betfairlightweight.resources import MarketBook, RunnerBook
from flumine import config
from flumine.simulation.utils import SimulatedDateTime

from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.simulation.stream import LakeStream
from tasks.windows.compress import compress_window
from tasks.windows.window import Window

Messages = Sequence[tuple[int, bytes]]

SUMS_NOTHING: Mapping[str, bool] = MappingProxyType({})


def books(
    stream_class: type[LakeStream], messages: Messages, window: Window, sums: Mapping[str, bool] = SUMS_NOTHING
) -> Iterator[list[MarketBook]]:
    lines = [raw.decode() for _, raw in messages]
    stream = stream_class("1.1", lambda: lines, {**window.listener_kwargs, **sums})
    stream.stream_id = 7
    return stream.create_generator()()


def compare_streams(messages: Messages, window: Window, sums: Mapping[str, bool] = SUMS_NOTHING) -> int:
    """Flumine's stream and ours, ours watched, on all messages and on the compressed, tick by tick."""
    compressed = list(compress_window(messages, window))
    assert [time for time, _ in compressed] == sorted(time for time, _ in compressed)
    ways = [
        books(LakeStream, messages, window, sums),
        books(LeanStream, messages, window, sums),
        books(LeanStream, compressed, window, sums),
        books(LakeStream, compressed, window, sums),
        books(WatchedStream, messages, window, sums),
    ]
    seen = [Seen() for _ in ways[1:]]
    ticks = 0
    with SimulatedDateTime():
        for (expected,), *others in zip_longest(*ways, fillvalue=("a tick more",)):
            for (book,), before in zip(others, seen, strict=True):
                before.compare(expected, book)
            # Books are stamped with flumine's clock, which stands at the tick before.
            config.current_time = expected.publish_time
            ticks += 1
    return ticks


def keep_all(stream_class: type[LakeStream], messages: Messages, window: Window) -> list[MarketBook]:
    """Books as a strategy that keeps them finds them in the end."""
    with SimulatedDateTime():
        config.current_time = None
        return [book for tick in books(stream_class, messages, window) for book in tick]


class Seen:
    """Pairs of runner books that were found the same, so that those a tick did not touch are not compared again."""

    def __init__(self) -> None:
        self._pairs: dict[int, tuple[RunnerBook, RunnerBook]] = {}

    def compare(self, expected: Any, book: Any) -> None:
        assert isinstance(book, type(expected)), (expected, book)
        assert type(book).__name__ == type(expected).__name__
        assert set(vars(expected)) >= set(vars(book)) - {"_data"}
        for name, value in vars(expected).items():
            if name not in ("runners", "_data", "market_definition"):
                assert_same(value, getattr(book, name), name)
        if expected.market_definition is not None:
            assert_same(vars(expected.market_definition), vars(book.market_definition), "market_definition")
        assert len(expected.runners) == len(book.runners)
        assert list(expected._data) == list(book._data)
        for name, value in expected._data.items():
            if name != "runners":
                assert_same(value, book._data[name], f"_data[{name}]")
        for at, (one, other) in enumerate(zip(expected.runners, book.runners, strict=True)):
            pair = self._pairs.get(at)
            if pair is None or pair[0] is not one or pair[1] is not other:
                assert_same(one, other, f"runners[{at}]")
                assert_same(expected._data["runners"][at], book._data["runners"][at], f"_data[runners][{at}]")
                self._pairs[at] = one, other


def assert_same(expected: Any, found: Any, where: str) -> None:
    """The same type and value, all the way down."""
    assert type(expected) is type(found), (where, expected, found)
    if isinstance(expected, list):
        assert len(expected) == len(found), (where, expected, found)
        # Lists of plain values compare at once; repr tells 2 from 2.0.
        if expected and isinstance(expected[0], dict):
            assert repr(expected) == repr(found), where
        else:
            for at, (one, other) in enumerate(zip(expected, found, strict=True)):
                assert_same(one, other, f"{where}[{at}]")
    elif isinstance(expected, dict):
        assert list(expected) == list(found), (where, expected, found)
        for key, value in expected.items():
            assert_same(value, found[key], f"{where}.{key}")
    elif hasattr(expected, "__slots__") and type(expected).__module__.startswith("flumine"):
        for name in type(expected).__slots__:
            assert_same(getattr(expected, name), getattr(found, name), f"{where}.{name}")
    elif type(expected).__module__.startswith("betfairlightweight"):
        assert_same(vars(expected), vars(found), where)
    else:
        assert expected == found, (where, expected, found)


def messages_of(packed: bytes) -> Iterator[tuple[int, bytes]]:
    """Publish time and JSON of each message of a market's file, as the exchange ships it."""
    for line in bz2.decompress(packed).splitlines():
        yield orjson.loads(line)["pt"], line
