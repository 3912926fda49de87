"""What the lean engine leaves out, and what it is proven with."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade
from plain_flumine import orders_of as judged
from side_by_side import orders_of

from tasks.simulation.lean import LeanStream, engine_is_proven
from tasks.simulation.stream import LakeStream
from tasks.windows.window import Window


class AtStartingPrice(BaseStrategy):
    placed = False

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return not self.placed

    def process_market_book(self, market: Any, market_book: Any) -> None:
        self.placed = True
        trade = Trade(market.market_id, market_book.runners[0].selection_id, 0, self)
        market.place_order(trade.create_order(side="BACK", order_type=MarketOnCloseOrder(liability=10)))


class OneEach(BaseStrategy):
    """Backs each runner once, passively."""

    placed = False

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return not self.placed and bool(market_book.runners[0].ex.traded_volume)

    def process_market_book(self, market: Any, market_book: Any) -> None:
        self.placed = True
        for runner in market_book.runners:
            trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
            market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(3.5, 2.0)))


class CancelsInTheSuspension(BaseStrategy):
    """Cancels an order just before a suspension, so that the cancel fails in it, and places another after it."""

    def __init__(self, first: int, cancels: int, second: int) -> None:
        super().__init__(max_live_trade_count=9, max_order_exposure=1e4, max_selection_exposure=1e4)
        self.first, self.cancels, self.second = first, cancels, second

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return True

    def process_market_book(self, market: Any, market_book: Any) -> None:
        if market_book.publish_time_epoch in (self.first, self.second):
            trade = Trade(market.market_id, 11, 0, self)
            market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(5.0, 10.0)))
        if market_book.publish_time_epoch == self.cancels:
            market.cancel_order(market.blotter.strategy_orders(self)[0])


class ListensLater(BaseStrategy):
    """Is given a method in `start`, which flumine calls as any other."""

    def start(self, flumine: Any) -> None:  # noqa: ARG002 - flumine's signature
        self.heard: list[int] = []
        self.process_orders = lambda _, orders: self.heard.append(len(orders))

    def check_market_book(self, market: Any, market_book: Any) -> bool:
        if self.heard and len(market.blotter) == 1:
            trade = Trade(market.market_id, 12, 0, self)
            market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(3.5, 2.0)))
        return not len(market.blotter) and market_book.status == "OPEN"

    def process_market_book(self, market: Any, market_book: Any) -> None:  # noqa: ARG002 - flumine's signature
        trade = Trade(market.market_id, 11, 0, self)
        market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(3.5, 2.0)))


class ListensLaterAndCounts(ListensLater):
    """Bets again once it was told of its order four times, which is also at ticks at which nothing happens to it."""

    def check_market_book(self, market: Any, market_book: Any) -> bool:
        if len(self.heard) == 4 and len(market.blotter) == 1:
            trade = Trade(market.market_id, 12, 0, self)
            market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(3.5, 2.0)))
        return not len(market.blotter) and market_book.status == "OPEN"


def both(market: Any, make: Callable[[], BaseStrategy]) -> list[dict[str, Any]]:
    """The orders that plain flumine gives, which are ours."""
    expected = judged(market.lines, make, {})
    messages = [(orjson.loads(line)["pt"], line) for line in market.lines]
    assert orders_of(messages, [make], Window(), market_id=market.id) == [expected]
    return expected


@pytest.mark.parametrize("named", [{}, {"version": 1}])
def test_the_starting_price_is_taken_even_when_the_version_stays(hand_made: Callable[..., Any], named: dict[str, int]):
    market = hand_made().define(100, **named).tick(90).tick(80)
    runners = [{**runner, "bsp": 3.5} for runner in market.definition["runners"]]
    market.define(70, runners=runners, bspReconciled=True, **named).tick(60).close()
    (order,) = both(market, AtStartingPrice)
    assert order["matched"][0][1:] == [3.5, 10]


def test_an_image_that_lists_runners_in_another_order(hand_made: Callable[..., Any]):
    def books(*volumes: float) -> list[dict[str, Any]]:
        prices = {"atb": [[3.0, 50.0]], "atl": [[4.0, 50.0]], "ltp": 3.5}
        return [{"id": id_, **prices, "trd": [[3.5, size]]} for id_, size in zip((11, 12, 13), volumes, strict=True)]

    market = hand_made().define(100).tick(99, *books(100.0, 10.0, 10.0)).tick(98, {"id": 11, "ltp": 3.5})
    market.define(97, runners=market.definition["runners"][::-1])
    image = orjson.loads(market.lines.pop())
    image["mc"][0].update(img=True, rc=books(100.0, 10.0, 10.0))
    market.lines.append(orjson.dumps(image))
    market.tick(96, {"id": 12, "trd": [[3.5, 14.0]]}).tick(95).close()
    assert [order["size_matched"] for order in both(market, OneEach)] == [0, 2.0, 0]


def test_an_order_revived_by_a_cancel_that_failed_waits_in_the_queue(hand_made: Callable[..., Any]):
    market = hand_made().define(100, version=1).prices(99, 11, 4.0, 5.0).tick(98, {"id": 11, "ltp": 4.5})
    market.tick(97, {"id": 11, "ltp": 4.5}).define(96.95, status="SUSPENDED", version=2).tick(96.5)
    market.define(94, status="OPEN", version=2).tick(93.9, {"id": 11, "atl": [[5.0, 0], [6.0, 10]]})
    for seconds in (92, 91, 90):
        market.tick(seconds, {"id": 11, "ltp": 4.5})
    market.tick(89, {"id": 11, "trd": [[5.0, 60]]}).tick(88, {"id": 11, "ltp": 5.0}).close()
    times = [orjson.loads(line)["pt"] for line in market.lines]
    orders = both(market, lambda: CancelsInTheSuspension(times[2], times[3], times[7]))
    revived, second = orders
    assert revived["status"] == "Executable"
    assert second["size_matched"] == 0


def test_process_orders_is_called_also_where_it_was_given_later(hand_made: Callable[..., Any]):
    market = hand_made().define(100).prices(99, 11, 3.0, 4.0).prices(98, 12, 3.0, 4.0)
    for seconds in (97, 96, 95, 94):
        market.tick(seconds)
    assert len(both(market.close(), ListensLater)) == 2


def test_process_orders_is_called_at_quiet_ticks_also_where_it_was_given_later(hand_made: Callable[..., Any]):
    market = hand_made().define(100).prices(99, 11, 3.0, 4.0).prices(98, 12, 3.0, 4.0)
    for seconds in (97, 96, 95, 94, 93, 92):
        market.tick(seconds)
    assert len(both(market.close(), ListensLaterAndCounts)) == 2


def test_this_engine_is_the_one_that_the_tests_prove():
    assert engine_is_proven()


def test_an_engine_that_was_not_proven_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tasks.simulation.lean.stream.version", lambda _: "99")
    assert not engine_is_proven()


def test_a_first_message_without_a_definition_fails_as_in_flumine():
    message = orjson.dumps({"op": "mcm", "pt": 1, "mc": [{"id": "1.200000001", "rc": []}]}).decode()
    for stream in (LakeStream, LeanStream):
        with pytest.raises(KeyError):
            list(stream("1.200000001", lambda: [message], {}).create_generator()())
