"""What a strategy would carry from market to market is named; what it cleans up, and what flumine keeps, is not."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flumine import BaseStrategy
from hostile_bets import Bets
from side_by_side import Judged

from tasks.simulation.carried_over import attributes, differing
from tasks.simulation.lean import LeanStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.session_replay import Entry, replay_alone, replay_side_by_side
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import guard_config
from tasks.variants.variant import Account, Variant


class Careful(Bets):
    """Keeps much for a market, and forgets it all with it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[Any]] = {}
        self.done: set[str] = set()
        self.react, self.lock, self.helper = self.process_market_book, threading.Lock(), Helper(self)
        self.process_orders = lambda *_: None

    def start(self, flumine: Any) -> None:
        self.flumine, self.ticks = flumine, 0

    def check_market_book(self, market: Any, market_book: Any) -> bool:
        self.seen.setdefault(market.market_id, []).append(market_book)
        self.done.add(market.market_id)
        return super().check_market_book(market, market_book)

    def remove_market(self, market_id: str) -> None:
        super().remove_market(market_id)
        self.seen.pop(market_id)
        self.done.discard(market_id)
        self.ticks = 0


class Helper:
    def __init__(self, strategy: BaseStrategy) -> None:
        self.strategy, self.results = strategy, list[float]()


class Careless(Careful):
    """Forgets nothing but the ticks."""

    def process_market_book(self, market: Any, market_book: Any) -> None:
        super().process_market_book(market, market_book)
        self.context["bets"] = self.context.get("bets", 0) + 1
        self.helper.results.append(1.0)
        self.late = market_book
        self.max_order_exposure = 5

    def remove_market(self, market_id: str) -> None:  # noqa: ARG002 - flumine's signature
        self.ticks = 0


class Odd(Careful):
    """Has attributes that no one can look at."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = (number for number in range(9))
        self.table = list(range(10**6))
        self.unwilling = Unwilling()
        self.circle: list[Any] = []
        self.circle.append(self.circle)

    def check_market_book(self, market: Any, market_book: Any) -> bool:
        next(self.generator, None)
        self.table[0] += 1
        return super().check_market_book(market, market_book)


class RaisesInTheEnd(Careful):
    def remove_market(self, market_id: str) -> None:
        super().remove_market(market_id)
        raise ValueError("gone already")


class Unwilling:
    def __getstate__(self) -> object:
        raise RuntimeError("not for you")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nor for you")

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture(params=["closes", "stays open"])
def messages(request: pytest.FixtureRequest, hand_made: Callable[..., Any]) -> list[str]:
    market = hand_made("1.200000001").define(100).prices(99, 11, 3.0, 3.1)
    for seconds in range(80, 0, -2):
        market.tick(seconds, {"id": 11, "ltp": 3.0})
    return [line.decode() for line in (market.close() if request.param == "closes" else market).lines]


def carried(make: Callable[[], BaseStrategy], messages: list[str], engine: str = "lean") -> list[str]:
    guard_config()
    session = [Streamed("1.200000001", 0, lambda: messages)]
    entry = Entry(
        Variant("v", {}, "", "all", Account(), engine, "", "v" * 8), make, ["1.200000001"], tells_carried=True
    )
    if engine == "lean":
        replay_side_by_side(Ticks(session, LeanStream, {}), [entry], Leavings([]))
    else:
        replay_alone(session, [entry], {})
    assert not entry.outcome.failure
    assert entry.outcome.rows
    return [*entry.outcome.carries]


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_of_a_strategy_that_cleans_up_nothing_is_said(messages: list[str], engine: str):
    assert carried(Careful, messages, engine) == []


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_what_another_market_would_find_is_named(messages: list[str], engine: str):
    names = ["context", "done", "helper", "late", "max_order_exposure", "seen"]
    assert carried(Careless, messages, engine) == names


def test_of_what_cannot_be_looked_at_nothing_is_said(messages: list[str]):
    assert carried(Odd, messages) == []


@pytest.mark.parametrize("messages", ["stays open"], indirect=True)
def test_when_all_is_over_nothing_fails_any_more(messages: list[str]):
    assert carried(RaisesInTheEnd, messages) == []


def test_a_counter_is_carried(messages: list[str]):
    assert carried(Bets, messages) == ["ticks"]


def test_nothing_is_looked_at_where_nobody_asks(messages: list[str]):
    guard_config()
    entry = Judged("v0", Careless, "1.200000001")
    replay_side_by_side(Ticks([Streamed("1.200000001", 0, lambda: messages)], LeanStream, {}), [entry], Leavings([]))
    assert entry.outcome.carries == ()


@pytest.mark.parametrize(
    ("before", "after", "is_carried"),
    [
        (0, 0, False),
        (0, 1, True),
        ("a", "a", False),
        (None, None, False),
        (None, 1, True),
        (float("nan"), float("nan"), False),
        ([1, [2]], [1, [2]], False),
        ([1, [2]], [1, [3]], True),
        ({"a", "b", "c"}, {"c", "b", "a"}, False),
        ({"a"}, {"b"}, True),
        ({}, {"a": 1}, True),
        ([], iter([]), True),
        ([], list(range(10**6)), True),
    ],
)
def test_values_are_compared_by_what_they_hold(before: object, after: object, is_carried: bool):
    strategy, other = BaseStrategy(), BaseStrategy()
    strategy.kept, other.kept = before, after
    names = differing(attributes(strategy), attributes(other))
    assert names == (("kept",) if is_carried else ())


def test_an_attribute_that_came_or_went_is_carried():
    strategy, other = BaseStrategy(), BaseStrategy()
    strategy.went, other.came = None, (number for number in ())
    assert differing(attributes(strategy), attributes(other)) == ("came", "went")


def test_what_flumine_keeps_for_itself_does_not_count():
    strategy, other = BaseStrategy(), BaseStrategy(name="other")
    other.get_runner_context("1.1", 11, 0)
    other.streams.append("stream")
    other.historic_stream_ids.add(1)
    assert differing(attributes(strategy), attributes(other)) == ()
