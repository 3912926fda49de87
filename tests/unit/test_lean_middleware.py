"""The middleware that visits what changed, against flumine's own, tick by tick, on orders of every kind."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flumine import BaseStrategy, config
from flumine.order.ordertype import MarketOnCloseOrder
from flumine.order.trade import Trade

from tasks.simulation.framework import Simulation, make_client
from tasks.simulation.lean_loop import LeanSimulation
from tasks.simulation.lean_stream import LeanStream, engine_is_proven
from tasks.simulation.stream import LakeStream
from tasks.simulation.variant import Account


class AtStartingPrice(BaseStrategy):
    placed = False

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return not self.placed

    def process_market_book(self, market: Any, market_book: Any) -> None:
        self.placed = True
        trade = Trade(market.market_id, market_book.runners[0].selection_id, 0, self)
        market.place_order(trade.create_order(side="BACK", order_type=MarketOnCloseOrder(liability=10)))


@pytest.mark.parametrize("named", [{}, {"version": 1}])
def test_the_starting_price_is_taken_even_when_the_version_stays(hand_made: Callable[..., Any], named: dict[str, int]):
    market = hand_made().define(100, **named).tick(90).tick(80)
    runners = [{**runner, "bsp": 3.5} for runner in market.definition["runners"]]
    market.define(70, runners=runners, bspReconciled=True, **named).tick(60).close()
    matched = []
    for simulation, stream in ((Simulation(), LakeStream), (LeanSimulation(), LeanStream)):
        strategy = AtStartingPrice()
        strategy.streams = [stream(market.id, lambda: [line.decode() for line in market.lines], {})]
        simulation.add_variant(strategy, make_client("one", Account()))
        simulation.run()
        matched += [order.simulated.matched for order in simulation.markets.markets[market.id].blotter]
    assert matched[0] == matched[1]
    assert matched[0][0][1:] == [3.5, 10]
    assert config.simulated


def test_this_engine_is_the_one_that_the_tests_prove():
    assert engine_is_proven()


def test_an_engine_that_was_not_proven_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.simulation.lean_stream.version", lambda _: "99")
    assert not engine_is_proven()


def test_a_first_message_without_a_definition_fails_as_in_flumine():
    message = orjson.dumps({"op": "mcm", "pt": 1, "mc": [{"id": "1.200000001", "rc": []}]}).decode()
    for stream in (LakeStream, LeanStream):
        with pytest.raises(KeyError):
            list(stream("1.200000001", lambda: [message], {}).create_generator()())
