"""Volumes in data that has none: what was traded on each runner is all that official Pro files tell."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from plain_flumine import orders_of as judged
from sameness import books
from side_by_side import orders_of

from tasks.simulation.lean import LeanStream
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.windows.window import Window

MARKET = SimulationSettings(calculate_market_tv=True)
RUNNERS = SimulationSettings(cumulative_runner_tv=True)
BOTH = SimulationSettings(calculate_market_tv=True, cumulative_runner_tv=True)


class Liquid(BaseStrategy):
    """Bets once in a market on which more than £1,000 was traded."""

    def check_market_book(self, market: Any, market_book: Any) -> bool:
        return market_book.status == "OPEN" and self.is_liquid(market_book) and not len(market.blotter)

    def is_liquid(self, market_book: Any) -> bool:
        return market_book.total_matched > 1000

    def process_market_book(self, market: Any, market_book: Any) -> None:  # noqa: ARG002 - flumine's signature
        trade = Trade(market.market_id, 11, 0, self)
        market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(3.0, 2.0)))


class LiquidRunner(Liquid):
    """The same, by what was traded on the first runner."""

    def is_liquid(self, market_book: Any) -> bool:
        return market_book.runners[0].total_matched > 1000


@pytest.fixture
def official(hand_made: Callable[..., Any]) -> Any:
    """A market as official Pro files have it: all that was traded in `trd`, a runner's `tv` of the update, no other."""
    market = hand_made().define(200)
    for selection_id in (11, 12):
        prices = {"atb": [[3.0, 50]], "atl": [[3.4, 50]], "trd": [[3.0, 900.5]], "ltp": 3.0, "tv": 900.5}
        market.tick(150, {"id": selection_id, **prices})
    market.tick(70, {"id": 11, "trd": [[3.0, 960.5], [3.1, 80.25]], "ltp": 3.1, "tv": 140.25}).tick(60)
    return market.close()


def messages_of(market: Any) -> list[tuple[int, bytes]]:
    return [(orjson.loads(line)["pt"], line) for line in market.lines]


@pytest.mark.parametrize("window", ["all", "80s"])
@pytest.mark.parametrize(
    ("make", "settings", "bets"),
    [
        (Liquid, DEFAULT_SETTINGS, 0),
        (Liquid, RUNNERS, 0),
        (Liquid, MARKET, 1),
        (LiquidRunner, DEFAULT_SETTINGS, 0),
        (LiquidRunner, MARKET, 0),
        (LiquidRunner, RUNNERS, 1),
        (LiquidRunner, BOTH, 1),
    ],
)
def test_a_strategy_that_asks_how_much_was_traded(
    official: Any, window: str, make: type[Liquid], settings: SimulationSettings, bets: int
):
    asked = Window.parse(window)
    expected = judged(official.lines, make, asked.listener_kwargs, settings=settings)
    assert orders_of(messages_of(official), [make], asked, market_id=official.id, settings=settings) == [expected]
    assert len(expected) == bets


def volumes_of(market: Any, window: str, settings: SimulationSettings) -> list[tuple[float, ...]]:
    """What a strategy is told was traded, on the market and on its runners."""
    found = books(LeanStream, messages_of(market), Window.parse(window), settings.listener_kwargs)
    return [(book.total_matched, *(runner.total_matched for runner in book.runners)) for (book,) in found]


def test_volumes_are_sums_of_what_was_traded(official: Any):
    assert volumes_of(official, "all", BOTH)[3:5] == [(1941.25, 1040.75, 900.5, 0)] * 2


def test_volumes_from_before_the_window_are_those_of_flumine_not_what_was_traded(official: Any):
    # Nothing is summed before the window, and on the second runner nothing is traded in it.
    assert volumes_of(official, "80s", BOTH)[:2] == [(1941.25, 1040.75, 0, 0)] * 2
