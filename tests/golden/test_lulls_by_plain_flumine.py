"""Lulls in made markets: variants that tell when they wake have plain flumine's orders, though few books are made."""

import math
import os
from collections.abc import Iterator
from functools import partial
from itertools import takewhile
from random import Random

import orjson
import pytest
from betfairlightweight.resources import MarketBook
from hostile_markets import lines, market, market_id
from hostile_sessions import session
from hostile_sleepers import Sleeper
from plain_flumine import Order, Raised
from plain_flumine import orders_of as judged
from plain_session import orders_of_session as judged_in_session
from side_by_side import orders_of, orders_of_session

from strategies import STRATEGIES
from strategies.back_favourite import BackFavouriteParameters
from strategies.rated_price import RatedPriceParameters
from tasks.simulation.lean import LeanStream
from tasks.windows.compress import compress_window
from tasks.windows.window import Window

WINDOWS = ["all", "80s", "preoff", "inplay", "-80s..", "-80s..60s", "inplay..60s"]

WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))
AT_ONCE = 25

HARD = {2054}
"""An order that was complete is live again, by a package that is executed late."""


class Counted(LeanStream):
    """A stream that counts the books it makes."""

    made = 0

    def _books(self) -> Iterator[list[MarketBook]]:
        for books in super()._books():
            Counted.made += 1
            yield books


@pytest.fixture(autouse=True)
def _believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this project's strategies are believed when they tell that they sleep."""
    monkeypatch.setitem(STRATEGIES, "sleeper", Sleeper)
    monkeypatch.setattr(Counted, "made", 0)


def makers_of(seed: int, market_ids: list[str], runners: list[int]):
    """Make variants, all of which tell when they wake."""
    dice = Random(f"variants {seed}")  # noqa: S311 - not for secrets
    rated = {one: {runner: dice.uniform(1.5, 20) for runner in runners if dice.random() < 0.7} for one in market_ids}
    seconds = [dice.choice((0.05, 5.0, 60.0, 300.0, 1e9)) for _ in range(2)]
    return [
        *(partial(Sleeper, seed=seed * 3 + number) for number in range(3)),
        partial(STRATEGIES["rated_price"], RatedPriceParameters(seconds_to_start=seconds[0], stake=3), rated),
        partial(STRATEGIES["back_favourite"], BackFavouriteParameters(seconds_to_start=seconds[1])),
    ]


def runners_of(messages: list[bytes]) -> list[int]:
    definitions = (orjson.loads(message)["mc"][0].get("marketDefinition", {}) for message in messages)
    return sorted({runner["id"] for definition in definitions for runner in definition.get("runners", ())})


def count_matched(told: list[list[Order] | Raised]) -> int:
    return sum(order["size_matched"] > 0 for orders in told if isinstance(orders, list) for order in orders)


@pytest.mark.parametrize("first", range(0, 3000, AT_ONCE) if WHOLE else [*range(0, 150, AT_ONCE), 2050])
def test_orders_of_a_market(first: int):
    matched = lasted = 0
    for seed in range(first, first + AT_ONCE):
        messages = [line.encode() for line in lines(market(seed))]
        stamped = [(orjson.loads(message)["pt"], message) for message in messages]
        for written in WINDOWS if WHOLE or seed in HARD else WINDOWS[seed % len(WINDOWS) :][:1]:
            window = Window.parse(written)
            makers = makers_of(seed, [market_id(seed)], runners_of(messages))
            makers = makers[seed % 3 : seed % 3 + 1] if seed % 2 else makers
            expected = [judged(messages, make, window.listener_kwargs) for make in makers]
            found = orders_of(stamped, makers, window, market_id=market_id(seed), stream=Counted)
            assert found == expected, (seed, written)
            lasted += len(list(compress_window(stamped, window)))
            matched += count_matched(expected)
    assert matched
    assert Counted.made < lasted * 0.75


def has_only_prices(message: tuple[int, bytes]) -> bool:
    return not {"marketDefinition", "img"} & orjson.loads(message[1])["mc"][0].keys()


def is_over(orders: list[Order]) -> bool:
    return all(order["size_matched"] == order["size"] for order in orders)


def test_messages_that_nobody_asks_for_stay_unread():
    make = partial(STRATEGIES["back_favourite"], BackFavouriteParameters(seconds_to_start=1e9))
    replay = partial(orders_of, makers=[make], window=Window(), stream=LeanStream, compressed=False)
    torn = 0
    for seed in range(60):
        messages = [(orjson.loads(line)["pt"], line.encode()) for line in lines(market(seed))]
        [[*orders]] = replay(messages, market_id=market_id(seed))
        matched = max((time for order in orders for time, *_ in order["matched"]), default=math.inf)
        begun = [message for message in messages if message[0] <= matched]
        left = list(takewhile(has_only_prices, messages[len(begun) :])) if is_over(orders) else []
        # An order is matched with what was traded up to the tick before; the first of a lull is read.
        whole, unread = [*begun, *left[:2]], left[2:]
        torn += len(unread)
        [found] = replay([*whole, *((time, b"{") for time, _ in unread)], market_id=market_id(seed))
        [expected] = replay([*whole, *unread], market_id=market_id(seed))
        assert found == expected, seed
    assert torn > 30


@pytest.mark.parametrize("first", range(0, 700 if WHOLE else 84, 7))
def test_orders_of_a_session(first: int):
    """Nobody sleeps here: of ticks at the same time, those in between decide which market's comes first."""
    matched = 0
    for seed in range(first, first + 7):
        markets = session(seed)
        window = Window.parse(WINDOWS[seed % len(WINDOWS)])
        runners = runners_of([line.encode() for one in markets.values() for line in one])
        makers = makers_of(seed, list(markets), runners)
        expected = [judged_in_session(markets, make, window.listener_kwargs) for make in makers]
        kept = {
            one: list(compress_window([(orjson.loads(line)["pt"], line.encode()) for line in messages], window))
            for one, messages in markets.items()
        }
        found = orders_of_session(kept, makers, window, stream=Counted)
        told = [["raised" if isinstance(orders, Raised) else orders for orders in every] for every in (found, expected)]
        assert told[0] == told[1], seed
        matched += count_matched(expected)
    assert matched
