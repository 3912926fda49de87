"""Made sessions of hostile markets, replayed side by side from compressed messages: each order is plain flumine's."""

import os
from functools import partial

import hostile_across
import hostile_strategies
import orjson
import pytest
from hostile_sessions import session
from plain_flumine import Raised
from plain_session import orders_of_session as judged
from side_by_side import orders_of_session

from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.windows.compress import compress_window
from tasks.windows.window import Window

WINDOWS = ["all", "80s", "preoff", "inplay", "-80s..", "-80s..60s", "inplay..60s"]

WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))
AT_ONCE = 7

OTHERS = [
    *(
        getattr(hostile_across, name)
        for name in (
            *("Pairs", "Bankroll", "StopsAfter", "Elsewhere", "BlotterWatcher", "KeepsBooks", "Unsubscribes"),
            "BetsLate",
        )
    ),
    *(
        getattr(hostile_strategies, name)
        for name in (
            *("AsksClients", "AsksClock", "AsksFramework", "AssignsInStart", "Counts", "CountsMarkets", "Exposed"),
            *("FirstHere", "LooksBack", "MarksClient", "MarksFramework", "MarksMarket", "ReadsTraded"),
            *("RemembersCloses", "Thrifty", "CancelsByHand", "CompletesByHand", "NamesItself"),
        )
    ),
]


def told(orders):
    """Of two errors either may come first: flumine begins all files of a session at once, we each at its time."""
    return "raised" if isinstance(orders, Raised) else orders


@pytest.mark.parametrize("first", range(0, 700 if WHOLE else 21, AT_ONCE))
def test_orders_are_those_of_plain_flumine(first: int):
    matched = 0
    for seed in range(first, first + AT_ONCE):
        markets = session(seed)
        for number, written in enumerate(WINDOWS if WHOLE else WINDOWS[seed % len(WINDOWS) :][:1], start=seed):
            window = Window.parse(written)
            makers = [
                partial(hostile_across.ApeAcross, seed=number),
                partial(hostile_strategies.Ape, seed=number),
                OTHERS[number % len(OTHERS)],
                OTHERS[(number * 7 + 3) % len(OTHERS)],
            ]
            expected = [judged(markets, make, window.listener_kwargs) for make in makers]
            compressed = {
                market_id: list(compress_window([(orjson.loads(line)["pt"], line.encode()) for line in lines], window))
                for market_id, lines in markets.items()
            }
            stream = WatchedStream if number % 2 else LeanStream
            found = orders_of_session(compressed, makers, window, stream=stream)
            assert [*map(told, found)] == [*map(told, expected)], (seed, written)
            matched += sum(
                order["size_matched"] > 0 for orders in expected if isinstance(orders, list) for order in orders
            )
    assert matched
