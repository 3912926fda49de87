"""Made markets of every hostility with other settings than flumine's own: each order is plain flumine's, so set."""

import os
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import hostile_strategies
import orjson
import pytest
from flumine import BaseStrategy
from hostile_markets import lines, market, market_id
from plain_flumine import Order, Raised
from plain_flumine import orders_of as judged
from side_by_side import orders_of

from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.windows.window import Window

WINDOWS = ["80s", "..300s", "all", "-80.5s..", "..2.05s", "inplay", "0.95s", "+0.05s..60s", "preoff", "inplay..0s"]
VALUES: dict[str, tuple[Any, ...]] = {
    "place_latency": (0.12, 0, 0.05, 1.5),
    "cancel_latency": (0.17, 0, 2.5),
    "update_latency": (0.15, 4),
    "replace_latency": (0.28, 0, 0.1, 5),
    "simulation_available_prices": (False, True),
    "calculate_market_tv": (False, True),
    "cumulative_runner_tv": (False, True),
    "best_price_execution": (True, False),
    "min_bet_validation": (True, False),
    "simulated_full_match": (False, True),
    "transaction_limit": (5000, None, 0, 4),
}
ALONE = [(name, value) for name, values in VALUES.items() for value in values[1:] if value is not None]

# `make sameness` compares many more; it takes an hour.
WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))
AT_ONCE = 20


def makers(seed: int) -> list[Callable[[], BaseStrategy]]:
    return [partial(hostile_strategies.Ape, seed=seed), hostile_strategies.Counts]


def plain(seed: int, written: str, settings: SimulationSettings) -> list[list[Order] | Raised]:
    """The orders of an ape and of another strategy in a market, by plain flumine."""
    messages, window = lines(market(seed)), Window.parse(written)
    return [judged(messages, make, window.listener_kwargs, settings=settings) for make in makers(seed)]


def replay(seed: int, written: str, settings: SimulationSettings) -> list[list[Order] | Raised]:
    """The same by this project's engine, which are plain flumine's."""
    messages = [(orjson.loads(line)["pt"], line.encode()) for line in lines(market(seed))]
    stream = WatchedStream if seed % 2 else LeanStream
    found = orders_of(
        messages, makers(seed), Window.parse(written), market_id=market_id(seed), stream=stream, settings=settings
    )
    assert found == plain(seed, written, settings), (seed, written, settings)
    return found


@pytest.mark.parametrize(("name", "value"), ALONE)
def test_orders_with_one_setting(name: str, value: object):
    settings = SimulationSettings(**{name: value})
    changed = 0
    for seed in range(200 if WHOLE else 6):
        # So that the setting decides something, among those windows in which most is done.
        written = WINDOWS[seed % (len(WINDOWS) if WHOLE else 4)]
        changed += replay(seed, written, settings) != plain(seed, written, DEFAULT_SETTINGS)
    assert changed


@pytest.mark.parametrize("first", range(0, 2000 if WHOLE else 80, AT_ONCE))
def test_orders_with_any_settings(first: int):
    matched = 0
    for seed in range(first, first + AT_ONCE):
        dice = Random(seed)  # noqa: S311 - not for secrets
        settings = SimulationSettings(**{name: dice.choice(values) for name, values in VALUES.items()})
        orders, _ = replay(seed, WINDOWS[seed % len(WINDOWS)], settings)
        matched += sum(order["size_matched"] > 0 for order in orders) if isinstance(orders, list) else 0
    assert matched
