"""What flumine refuses is counted in both engines, as plain flumine refuses it, and changes no order."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from betfairlightweight.metadata import currency_parameters
from flumine import BaseStrategy
from flumine.controls import BaseControl
from flumine.controls.tradingcontrols import OrderValidation, StrategyExposure
from flumine.exceptions import ControlError
from flumine.markets.market import Market
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade
from plain_flumine import Raised, orders_of
from side_by_side import orders_of as our_orders_of

from tasks.orders.refusal import Refusal
from tasks.simulation.lean import WatchedStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.refusals import NO_REASON, OTHER_REASONS, OWN_REASON, Refusals, kind_of
from tasks.simulation.session_replay import Entry, replay_alone, replay_side_by_side
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import guard_config
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.variants.variant import Account, Variant
from tasks.windows.window import Window

ID = "1.200000001"
GBP, TWO_AND_A_HALF = Account(), Account(min_stake=2.5)
OFF = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def market(hand_made: Callable[..., Any]) -> Any:
    """A market with ticks before and in a suspension."""
    made = hand_made(ID, off=OFF).define(100)
    for selection_id in (11, 12):
        made.prices(99, selection_id, 3.0, 3.1)
    for seconds in range(80, 40, -4):
        made.tick(seconds, {"id": 11, "ltp": 3.0})
    made.define(40, status="SUSPENDED")
    made.tick(38, {"id": 11, "ltp": 3.0})
    made.define(36)
    for seconds in range(35, 0, -4):
        made.tick(seconds, {"id": 11, "ltp": 3.0})
    return made.close()


class Asks(BaseStrategy):
    """Asks for whatever it is told on every tick, and notes what it is refused."""

    def __init__(self, asks: Callable[["Asks", Any, Any], None], heard: list[tuple[str, str | None]]) -> None:
        super().__init__(max_order_exposure=10, max_selection_exposure=30, multi_order_trades=True)
        self._asks, self.heard = asks, heard

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's
        return True

    def process_market_book(self, market: Any, market_book: Any) -> None:
        self._asks(self, market, market_book)

    def order(self, market: Any, price: float = 3.0, size: float = 2.0, side: str = "BACK") -> Any:
        return Trade(market.market_id, 11, 0, self).create_order(side, LimitOrder(price, size))

    def place(self, market: Any, order: Any) -> None:
        if market.place_order(order) is False:
            self.heard.append(("place", order.violation_msg))


def whatever_is_refused(strategy: Asks, market: Any, book: Any) -> None:
    """Ask for what is too large, too small, no price, too much in all, and for changes in a suspension."""
    for price, size in ((3.0, 20.0), (3.0, 0.5), (2.505, 2.0), (3.0, 2.0)):
        strategy.place(market, strategy.order(market, price, size))
    at_close = Trade(market.market_id, 12, 0, strategy).create_order("LAY", MarketOnCloseOrder(3.0))
    strategy.place(market, at_close)
    for order in market.blotter.strategy_orders(strategy):
        if order.status.value == "Executable" and order.size_remaining and order.bet_id:
            if not market.cancel_order(order, 1.0):
                strategy.heard.append(("cancel", order.violation_msg))
            return


def refused_by(
    engine: str, market: Any, make: Callable[[], BaseStrategy], account: Account = GBP, **settings: Any
) -> list[Refusal]:
    given = SimulationSettings(**settings)
    messages = [line.decode() for line in market.lines]
    streamed = [Streamed(ID, 0, lambda: messages)]
    entry = Entry(Variant("v", {}, "", "all", account, engine, "", "v" * 8, given), make, [ID])
    guard_config(given)
    try:
        if engine == "lean":
            replay_side_by_side(Ticks(streamed, WatchedStream, {}), [entry], Leavings([]))
        else:
            replay_alone(streamed, [entry], {})
    finally:
        guard_config(DEFAULT_SETTINGS)
    assert entry.outcome.failure is None, entry.outcome.failure
    return list(entry.outcome.refused)


def counted(refused: list[Refusal]) -> Counter[tuple[str, str, str]]:
    return Counter({refusal.kind: refusal.times for refusal in refused})


def heard_as_kinds(heard: list[tuple[str, str | None]]) -> Counter[tuple[str, str, str]]:
    kinds: Counter[tuple[str, str, str]] = Counter()
    for action, said in heard:
        control, _, text = str(said).removeprefix("Order has violated: ").partition(" Error: ")
        kinds[action, control, kind_of(text)] += 1
    return kinds


@pytest.mark.parametrize("settings", [{}, {"transaction_limit": 3}, {"min_bet_validation": False}])
def test_both_engines_count_what_plain_flumine_refuses_and_no_order_is_another(market: Any, settings: dict[str, Any]):
    heard: list[tuple[str, str | None]] = []
    make = partial(Asks, whatever_is_refused, heard)
    given = SimulationSettings(**settings)
    plain = orders_of(market.lines, make, {}, settings=given)
    assert not isinstance(plain, Raised)
    assert plain
    expected = heard_as_kinds(heard)
    assert {control for _, control, _ in expected} >= {"ORDER_VALIDATION", "STRATEGY_EXPOSURE", "MARKET_VALIDATION"}
    stamped = [(int(line.split(b'"pt":')[1].split(b",")[0]), line) for line in market.lines]
    assert our_orders_of(stamped, [make], Window(), market_id=ID, settings=given) == [plain]
    for engine in ("lean", "flumine"):
        assert counted(refused_by(engine, market, make, **settings)) == expected


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_the_first_of_a_kind_is_told_whole(market: Any, engine: str):
    refused = {refusal.kind: refusal for refusal in refused_by(engine, market, partial(Asks, whatever_is_refused, []))}
    reason = "Order exposure (…) is greater than strategy.max_order_exposure (…)"
    text = "Order exposure (20.0) is greater than strategy.max_order_exposure (10)"
    times = refused["place", "STRATEGY_EXPOSURE", reason].times
    assert refused["place", "STRATEGY_EXPOSURE", reason] == Refusal(
        ID, "place", "STRATEGY_EXPOSURE", reason, times, 11, "BACK", 3.0, 20.0, text
    )
    assert times >= 10


def test_a_least_stake_is_what_flumine_takes_for_one(market: Any, monkeypatch: pytest.MonkeyPatch):
    def ask(strategy: Asks, market: Any, book: Any) -> None:
        for price, size in ((3.0, 2.49), (3.0, 2.5), (5.0, 2.0)):
            strategy.place(market, strategy.order(market, price, size))
        at_close = Trade(market.market_id, 12, 0, strategy).create_order("BACK", MarketOnCloseOrder(2.4))
        strategy.place(market, at_close)

    make = partial(Asks, ask, [])
    ours = {
        engine: [(refusal.size, refusal.text) for refusal in refused_by(engine, market, make, account=TWO_AND_A_HALF)]
        for engine in ("lean", "flumine")
    }
    assert ours["lean"] == ours["flumine"]
    assert ours["lean"][0] == (2.49, "Order size is less than min bet size (2.5) or payout (10) for currency")
    assert {size for size, _ in ours["lean"]} >= {2.4, 2.49}
    monkeypatch.setitem(currency_parameters["GBP"], "min_bet_size", 2.5)
    assert [(refusal.size, refusal.text) for refusal in refused_by("lean", market, make)] == ours["lean"]
    heard: list[tuple[str, str | None]] = []
    orders_of(market.lines, partial(Asks, ask, heard), {})
    monkeypatch.undo()
    assert heard_as_kinds(heard) == counted(refused_by("lean", market, make, account=TWO_AND_A_HALF))
    assert heard_as_kinds(heard) != counted(refused_by("lean", market, make))


class Own(BaseControl):
    """A strategy's own control, which raises by itself."""

    NAME = "OWN"

    def _validate(self, order: Any, package_type: Any) -> None:  # noqa: ARG002 - flumine's
        if order.order_type.size == 3.0:
            raise ControlError("no")
        if order.order_type.size == 4.0:
            self._on_error(order, f"not {order.order_type.size} of Devonport")


class Particular(Asks):
    """Refuses orders itself, adds a control, and looks at flumine's."""

    def start(self, flumine: Any) -> None:
        flumine.add_trading_control(Own)
        kinds = [type(control) for control in flumine.trading_controls]
        assert (kinds[0], kinds[2]) == (OrderValidation, StrategyExposure)
        assert all("_on_error" not in vars(control) for control in flumine.trading_controls)

    def validate_order(self, runner_context: Any, order: Any) -> bool:  # noqa: ARG002 - flumine's
        if order.order_type.size == 6.0:
            order.violation_msg = "too near 12.5 lengths"
        return order.order_type.size < 5.0


@pytest.mark.parametrize("engine", ["lean", "flumine"])
def test_whoever_refuses_is_counted(market: Any, engine: str):
    kept = []

    def ask(strategy: Asks, market: Any, book: Any) -> None:
        if not kept:
            kept.append(True)
            own = strategy.order(market, size=5.0)
            for order in (own, own, *(strategy.order(market, size=size) for size in (6.0, 3.0, 4.0))):
                with market.transaction() as transaction:
                    assert transaction.place_order(order=order) is False

    refused = refused_by(engine, market, partial(Particular, ask, []))
    assert [(refusal.control, refusal.reason, refusal.times) for refusal in refused] == [
        ("STRATEGY_EXPOSURE", OWN_REASON, 2),
        ("STRATEGY_EXPOSURE", "too near … lengths", 1),
        ("", NO_REASON, 1),
        ("OWN", "not … of Devonport", 1),
    ]


def test_asking_a_control_or_placing_by_force_is_no_refusal(market: Any):
    def ask(strategy: Asks, market: Any, book: Any) -> None:
        market.place_order(strategy.order(market, size=0.5), force=True)
        with pytest.raises(ControlError):
            StrategyExposure(market.flumine)._on_error(strategy.order(market), "only asked")

    assert refused_by("lean", market, partial(Asks, ask, [])) == []


def made(**given: Any) -> Any:
    asked = SimpleNamespace(price=3.0, size=2.0)
    return SimpleNamespace(**{"order_type": asked, "selection_id": 11, "side": "BACK", "violation_msg": None, **given})


def test_a_million_refusals_are_a_counter_and_any_number_of_reasons_a_few():
    refusals = Refusals()
    for number in range(5000):
        refusals.note(ID, "place", made(violation_msg=f"Order has violated: X Error: no {number}"))
        refusals.note(ID, "place", made(violation_msg=f"Order has violated: Y{number} Error: no{number} " + "x" * 9999))
    told = refusals.of(ID)
    assert told[0].times == 5000
    assert sum(refusal.times for refusal in told) == 10_000
    assert len(told) < 50
    assert told[-1].kind == ("place", "", OTHER_REASONS)
    assert max(len(refusal.text) for refusal in told) <= 500


class Unsaid:
    """What says nothing of itself."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)

    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    "given",
    [
        {"violation_msg": Unsaid()},
        {"side": Unsaid()},
        {"order_type": Unsaid()},
        {"selection_id": "x"},
        {"violation_msg": "\udce4 [bold]" + "\n"},
        {"order_type": SimpleNamespace(price=float("nan"), size=Unsaid())},
    ],
)
def test_whatever_an_order_is_it_is_counted(given: dict[str, Any]):
    refusals = Refusals()
    refusals.note(ID, "place", made(**given))
    (refusal,) = refusals.of(ID)
    assert refusal.times == 1
    assert refusal.text.encode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Order size is less than min bet size (1) or payout (10.5) for currency", None),
        ("Order size has more than 2dp", "Order size has more than 2dp"),
        ("a -3.5 b 1e-05 c nan d 1,000.00", "a … b … c … d …"),
    ],
)
def test_a_kind_has_no_numbers(text: str, kind: str | None):
    assert kind_of(text) == (kind or "Order size is less than min bet size (…) or payout (…) for currency")


def test_flumines_own_market_is_what_it_was():
    assert "_noted" not in dir(Market)
