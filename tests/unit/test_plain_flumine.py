"""The judge: what it says of markets whose orders are known, and that nothing decides it but the market."""

import bz2
import datetime as dt
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flumine import BaseStrategy, config
from flumine.exceptions import OrderError
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade
from hostile_strategies import Ape
from plain_flumine import Raised, orders_of, write_market

MARKET_ID = "1.200000077"
START = 1_700_000_000_000
LOG = logging.getLogger("flumine")


def definition(runners: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    named = [{"status": "ACTIVE", "sortPriority": place, **runner} for place, runner in enumerate(runners, 1)]
    return {
        "betDelay": 0,
        "bettingType": "ODDS",
        "bspMarket": False,
        "bspReconciled": False,
        "complete": True,
        "crossMatching": True,
        "discountAllowed": True,
        "eventId": "9",
        "eventTypeId": "7",
        "inPlay": False,
        "marketBaseRate": 5.0,
        "marketTime": "2023-11-14T22:15:00.000Z",
        "marketType": "WIN",
        "numberOfActiveRunners": len(runners),
        "numberOfWinners": 1,
        "persistenceEnabled": True,
        "regulators": ["MR_INT"],
        "runnersVoidable": False,
        "status": "OPEN",
        "timezone": "GMT",
        "turnInPlayEnabled": True,
        "version": 1,
        "runners": named,
        **fields,
    }


def say(milliseconds: int, **change: Any) -> dict[str, Any]:
    return {"op": "mcm", "pt": START + milliseconds, "mc": [{"id": MARKET_ID, **change}]}


def settle(milliseconds: int, winner: int, loser: int) -> dict[str, Any]:
    runners = [{"id": winner, "status": "WINNER"}, {"id": loser, "status": "LOSER"}]
    return say(milliseconds, marketDefinition=definition(runners, status="CLOSED", version=9))


class At(BaseStrategy):
    """Does something once at each of some moments, milliseconds after the market's first message."""

    def __init__(self, acts: dict[int, Callable[[Any, Any, Any], None]], **flumine: Any) -> None:
        super().__init__(max_live_trade_count=9, max_order_exposure=1e4, max_selection_exposure=1e4, **flumine)
        self.acts = acts

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        return market_book.publish_time_epoch - START in self.acts

    def process_market_book(self, market: Any, market_book: Any) -> None:
        self.acts[market_book.publish_time_epoch - START](self, market, market_book)


def back(selection_id: int, price: float, size: float) -> Callable[[Any, Any, Any], None]:
    def act(strategy: Any, market: Any, book: Any) -> None:
        trade = Trade(market.market_id, selection_id, 0, strategy)
        market.place_order(trade.create_order("BACK", LimitOrder(price, size)))

    return act


def two_runners(*later: dict[str, Any]) -> list[dict[str, Any]]:
    books = [{"id": i, "atb": [[3.0, 50]], "atl": [[4.0, 50]], "trd": [[3.5, 10.0]], "ltp": 3.5} for i in (11, 22)]
    opening = say(0, marketDefinition=definition([{"id": 11}, {"id": 22}]), rc=books)
    return [opening, say(1000, rc=[{"id": 11, "ltp": 3.5}]), *later, settle(60_000, winner=22, loser=11)]


def back_both(strategy: Any, market: Any, book: Any) -> None:
    back(11, 3.5, 2.0)(strategy, market, book)
    back(22, 3.5, 2.0)(strategy, market, book)


def test_an_image_that_reorders_runners_gives_each_what_was_traded_on_it():
    image = say(
        3000,
        img=True,
        marketDefinition=definition([{"id": 22}, {"id": 11}]),
        rc=[{"id": i, "atb": [[3.0, 50]], "atl": [[4.0, 50]], "trd": [[3.5, 10.0]]} for i in (11, 22)],
    )
    traded = say(4000, rc=[{"id": 22, "trd": [[3.5, 12.0]], "ltp": 3.5}])
    orders = orders_of(two_runners(image, traded), lambda: At({0: back_both}), {})
    assert [(order["selection_id"], order["size_matched"], order["profit"]) for order in orders] == [
        (11, 0.0, 0.0),
        (22, 1.0, 2.5),
    ]
    assert orders[1]["matched"] == [[START + 4000, 3.5, 1.0]]


def test_an_order_whose_cancel_fails_in_a_suspension_takes_its_place_in_the_queue_again():
    messages = [
        say(
            0,
            marketDefinition=definition([{"id": 11}, {"id": 22}]),
            rc=[{"id": 11, "atb": [[4.0, 50]], "atl": [[5.0, 400]], "trd": [[4.5, 10]], "ltp": 4.5}],
        ),
        *(say(at, rc=[{"id": 11, "ltp": 4.5}]) for at in (1000, 2000)),
        say(2050, marketDefinition=definition([{"id": 11}, {"id": 22}], status="SUSPENDED", version=2)),
        say(2500, rc=[{"id": 11, "ltp": 4.5}]),
        say(
            5000,
            marketDefinition=definition([{"id": 11}, {"id": 22}], version=2),
            rc=[{"id": 11, "atl": [[5.0, 0], [6.0, 10]]}],
        ),
        *(say(at, rc=[{"id": 11, "ltp": 4.5}]) for at in (8000, 9000, 10_000)),
        say(11_000, rc=[{"id": 11, "trd": [[5.0, 60]], "ltp": 5.0}]),
        settle(19_000, winner=11, loser=22),
    ]

    def cancel(strategy: Any, market: Any, book: Any) -> None:
        market.cancel_order(market.blotter.strategy_orders(strategy)[0])

    acts = {0: back(11, 5.0, 10.0), 2000: cancel, 8000: back(11, 5.0, 10.0)}
    first, second = orders_of(messages, lambda: At(acts), {})
    assert (first["status"], first["size_lapsed"], first["size_matched"]) == ("Executable", 10.0, 0.0)
    assert (second["status"], second["size_matched"], second["profit"]) == ("Executable", 0.0, 0.0)


def test_an_order_is_told_with_all_that_decides_money():
    def place(strategy: Any, market: Any, book: Any) -> None:
        trade = Trade(market.market_id, 11, 0, strategy)
        with market.transaction(async_place_orders=True) as transaction:
            transaction.place_order(trade.create_order("LAY", LimitOrder(4.0, 60.0, persistence_type="PERSIST")))
            transaction.place_order(trade.create_order("LAY", MarketOnCloseOrder(20.0)), market_version=1)

    messages = two_runners(*(say(at, rc=[{"id": 11, "ltp": 3.5}]) for at in (2000, 3000)))
    limit, at_close = orders_of(messages, lambda: At({0: place}, multi_order_trades=True), {})
    assert limit == {
        "market_id": MARKET_ID,
        "selection_id": 11,
        "handicap": 0,
        "trade": 1,
        "side": "LAY",
        "order_type": "Limit",
        "price": 4.0,
        "size": 60.0,
        "liability": None,
        "persistence": "PERSIST",
        "time_in_force": None,
        "min_fill_size": None,
        "market_version": None,
        "async": True,
        "date_time_placed": dt.datetime.fromtimestamp(START / 1000 + 1, tz=dt.UTC),
        "status": "Executable",
        "price_matched": 4.0,
        "size_matched": 50,
        "size_cancelled": 0.0,
        "size_lapsed": 0.0,
        "size_voided": 0.0,
        "matched": [[START, 4.0, 50]],  # by the book before the moment of placing, as flumine has it
        "elapsed_seconds_executable": None,
        "runner_status": "LOSER",
        "profit": 50,
        "market_notes": "3.0,4.0,3.5",
        "trade_notes": "",
        "order_notes": "",
    }
    assert (at_close["trade"], at_close["liability"], at_close["market_version"]) == (1, 20.0, 1)
    assert at_close["size"] is None


@pytest.mark.parametrize("compress", [lambda raw: raw, bz2.compress])
def test_a_market_is_the_same_in_a_file_and_in_messages(tmp_path: Path, compress: Callable[[bytes], bytes]):
    messages = two_runners(say(4000, rc=[{"id": 22, "trd": [[3.5, 12.0]]}]))
    path = tmp_path / (f"{MARKET_ID}.bz2" if compress is bz2.compress else MARKET_ID)
    path.write_bytes(compress(write_market(messages, tmp_path / "plain").read_bytes()))
    assert orders_of(path, lambda: At({0: back_both}), {}) == orders_of(messages, lambda: At({0: back_both}), {})


def test_a_market_that_shows_nothing_within_the_window_has_no_orders():
    assert orders_of(two_runners(), lambda: At({0: back_both}), {"seconds_to_start": 1}) == []


def test_the_currency_decides_the_smallest_bet():
    placed = [orders_of(two_runners(), lambda: At({0: back(11, 2.0, 5.0)}), {}, name) for name in ("GBP", "HKD")]
    assert [len(orders) for orders in placed] == [1, 0]


def test_an_error_of_flumines_own_is_logged_and_the_replay_goes_on():
    def err(strategy: Any, market: Any, book: Any) -> None:
        raise OrderError("wrong")

    orders = orders_of(two_runners(), lambda: At({0: err, 1000: back(11, 3.5, 2.0)}), {})
    assert len(orders) == 1


def test_any_other_error_is_the_answer():
    def err(strategy: Any, market: Any, book: Any) -> None:
        raise LookupError("gone")

    raised = orders_of(two_runners(), lambda: At({0: back_both, 1000: err}), {})
    assert raised == Raised("LookupError", "gone")
    assert "in err" in raised.where
    unreadable = two_runners()
    del unreadable[0]["mc"][0]["marketDefinition"]["regulators"]
    raised = orders_of(unreadable, lambda: At({}), {})
    assert (raised.type_name, "regulators" in raised.text) == ("TypeError", True)


@pytest.fixture
def changed_process() -> Iterator[None]:
    """A process in which somebody set flumine and its log up, and lets nobody change that."""

    class Guarded(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            raise AssertionError(name)

    settings, kind, level = vars(config).copy(), type(config), LOG.level
    vars(config).update(place_latency=9.0, cancel_latency=9.0, mine=1)
    ModuleType.__setattr__(config, "__class__", Guarded)
    LOG.setLevel(logging.CRITICAL)
    yield
    ModuleType.__setattr__(config, "__class__", kind)
    vars(config).clear()
    vars(config).update(settings)
    LOG.setLevel(level)


def meddle(strategy: Any, market: Any, book: Any) -> None:
    config.place_latency, config.theirs = 0.5, 1
    LOG.setLevel(logging.DEBUG)
    LOG.addHandler(logging.StreamHandler())
    dt.datetime = dict


def fail(strategy: Any, market: Any, book: Any) -> None:
    meddle(strategy, market, book)
    raise LookupError


@pytest.mark.parametrize("act", [back_both, meddle, fail])
def test_nothing_is_left_behind(changed_process: None, act: Callable[..., None]):
    before = (vars(config).copy(), type(config), dt.datetime, LOG.level, LOG.propagate, LOG.handlers.copy())
    orders_of(two_runners(), lambda: At({0: act}), {})
    assert before == (vars(config), type(config), dt.datetime, LOG.level, LOG.propagate, LOG.handlers)


def test_nothing_that_was_there_decides(changed_process: None):
    orders = orders_of(two_runners(), lambda: At({0: back_both}), {})
    assert [order["date_time_placed"].timestamp() for order in orders] == [START / 1000 + 1] * 2
    assert orders_of(two_runners(), lambda: Ape(seed=3), {}) == orders_of(two_runners(), lambda: Ape(seed=3), {})


def test_it_knows_nothing_of_this_project():
    code = "import sys, plain_flumine; print([n for n in sys.modules if n.split('.')[0] in ('tasks', 'flows')])"
    folder = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, check=True).stdout == b"[]\n"
