"""Made markets of every hostility, replayed side by side from compressed messages: each order is plain flumine's."""

import os
from functools import partial

import hostile_strategies
import orjson
import pytest
from hostile_markets import lines, market, market_id
from plain_flumine import orders_of as judged
from side_by_side import orders_of

from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.windows.window import Window

WINDOWS = ["all", "80s", "preoff", "inplay", "-80s..", "-80s..60s", "inplay..60s"]

# `make sameness` compares three thousand markets in each window; it takes an hour.
WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))
AT_ONCE = 25

# Each does one thing that another variant, or another way to make books, could disturb.
OTHERS = [
    getattr(hostile_strategies, name)
    for name in (
        *("AsksClients", "AsksClock", "AsksFramework", "AssignsInStart", "Counts", "Exposed", "FirstHere"),
        *("LooksBack", "MarksClient", "MarksFramework", "MarksMarket", "ReadsTraded", "RemembersCloses", "Thrifty"),
        *("CancelsByHand", "CompletesByHand", "NamesItself"),
    )
]


@pytest.mark.parametrize("first", range(0, 3000 if WHOLE else 300, AT_ONCE))
def test_orders_are_those_of_plain_flumine(first: int):
    matched = 0
    for seed in range(first, first + AT_ONCE):
        messages = [line.encode() for line in lines(market(seed))]
        stamped = [(orjson.loads(message)["pt"], message) for message in messages]
        for number, written in enumerate(WINDOWS if WHOLE else WINDOWS[seed % len(WINDOWS) :][:1], start=seed):
            window = Window.parse(written)
            makers = [partial(hostile_strategies.Ape, seed=number), OTHERS[number % len(OTHERS)]]
            expected = [judged(messages, make, window.listener_kwargs) for make in makers]
            stream = WatchedStream if number % 2 else LeanStream
            found = orders_of(stamped, makers, window, market_id=market_id(seed), stream=stream)
            assert found == expected, (seed, written)
            matched += sum(order["size_matched"] > 0 for order in expected[0]) if isinstance(expected[0], list) else 0
    assert matched
