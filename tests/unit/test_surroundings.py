"""What one strategy sets on what all strategies of a process share is seen, and what Python does by itself is not."""

import abc
import contextlib
import copy
import inspect
import json
import logging
import random
import sys
import typing
from collections.abc import Callable, Iterator
from types import ModuleType

import betfairlightweight.endpoints.baseendpoint as endpoint
import pytest
from betfairlightweight.endpoints.betting import Betting
from betfairlightweight.resources import MarketBook, RunnerBook
from betfairlightweight.streaming import listener
from flumine import BaseStrategy, utils
from flumine.order.order import BetfairOrder, OrderStatus
from flumine.order.orderpackage import BaseOrderPackage
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from flumine.simulation.utils import SimulatedDateTime
from flumine.strategy.runnercontext import RunnerContext
from flumine.streams.basestream import BaseStream

from tasks.simulation.surroundings import Surroundings

SHARED = {
    "a function": utils.chunks,
    "a function of Python's": json.dumps,
    "a method": Trade.create_order,
    "a method of a resource": RunnerBook.__init__,
    "a method of the class that all inherit": BaseStrategy.validate_order,
    "a static method": endpoint.BaseEndpoint.create_req,
    "a static method as its class holds it": vars(endpoint.BaseEndpoint)["create_req"],
    "a class method": vars(BaseOrderPackage)["order_limit"].__func__,
    "a property's function": RunnerContext.executable_orders.fget,
    "a function that is wrapped": vars(SimulatedDateTime)["real_time"].__wrapped__,
    "a method of Python's": random.Random.choice,
    "a module": utils,
    "a class": Trade,
    "a class of betfairlightweight's": MarketBook,
    "an enumeration": OrderStatus,
    "a member of an enumeration": OrderStatus.PENDING,
    "a logger": listener.logger,
    "an instance": BaseStream.RETRY_WAIT,
}

# By which a thing is something else to Python, and what it keeps of earlier answers.
# A static method's hints are its function's.
NO_STATE = {
    "_abc_impl",
    "__class__",
    "__dict__",
    "__slotnames__",
    "__abstractmethods__",
    "__warningregistry__",
    "__builtins__",
}
# An instance has this name where somebody asked for its class's hints, and hints of its own nobody gives it.
NO_STATE_OF = {("a static method as its class holds it", "__annotations__"), ("an instance", "__annotations__")}
ABSENT = object()
OTHERS = ["other", 7, True, (1,), {"other": 1}, ["other"], (lambda: 7).__code__, lambda: 7, (object,), None]


@pytest.mark.parametrize("what", SHARED)
def test_whatever_can_be_set_on_what_is_shared_is_seen(what: str):
    surroundings, shared, unseen = Surroundings(), SHARED[what], []
    assert surroundings.changes() == ()
    for name in sorted({*dir(shared), "other"} - NO_STATE):
        if isinstance(shared, type) and callable(getattr(object, name, None)):
            continue  # Python keeps the methods that all classes have in slots, and does not empty them again
        with set_to_any_other(shared, name) as is_set:
            if is_set and (what, name) not in NO_STATE_OF and not surroundings.changes():
                unseen.append(name)
    assert unseen == []
    assert surroundings.changes() == ()


@contextlib.contextmanager
def set_to_any_other(shared: object, name: str) -> Iterator[bool]:
    was, held = getattr(shared, name, None), vars(shared).get(name, ABSENT)
    is_set = any(is_set_to(shared, name, other) for other in OTHERS if other is not was)
    try:
        yield is_set
    finally:
        if is_set and inspect.isdatadescriptor(inspect.getattr_static(type(shared), name, None)):
            setattr(shared, name, was)
        elif is_set and held is ABSENT:
            delattr(shared, name)
        elif is_set:
            setattr(shared, name, held)


def is_set_to(shared: object, name: str, value: object) -> bool:
    with contextlib.suppress(Exception):
        setattr(shared, name, value)
        return getattr(shared, name) is value
    return False


CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "a default that is a dictionary": (
        lambda: Betting.list_events.__defaults__[0].update(kept=1),
        Betting.list_events.__defaults__[0].clear,
    ),
    "a hint": (
        lambda: LimitOrder.__annotations__.update(kept=1),
        LimitOrder.__annotations__.clear,
    ),
    "a hint of a function": (
        lambda: utils.chunks.__annotations__.update(kept=1),
        lambda: utils.chunks.__annotations__.pop("kept"),
    ),
    "the level of a logger that nobody had": (
        lambda: logging.getLogger("of nobody").setLevel(10),
        lambda: logging.root.manager.loggerDict.pop("of nobody"),
    ),
    "a mark on a logger that nobody had": (
        lambda: setattr(logging.getLogger("of nobody"), "kept", 1),
        lambda: logging.root.manager.loggerDict.pop("of nobody"),
    ),
    "the level of another's logger": (
        lambda: logging.getLogger("asyncio").setLevel(10),
        lambda: logging.getLogger("asyncio").setLevel(0),
    ),
    "the level of a handler": (
        lambda: logging.root.handlers[0].setLevel(10),
        lambda: logging.root.handlers[0].setLevel(0),
    ),
    "the level of all loggers": (lambda: logging.root.setLevel(11), lambda: logging.root.setLevel(30)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_within_is_seen(what: str):
    change, undo = CHANGES[what]
    logging.getLogger("asyncio")
    surroundings = Surroundings()
    change()
    seen = surroundings.changes()
    undo()
    assert seen
    assert surroundings.changes() == ()


def test_what_python_does_by_itself_is_no_change():
    surroundings = Surroundings()

    class Own(BaseStrategy):
        pass

    own = Own()
    copy.copy(own), copy.deepcopy(own.context), copy.copy(LimitOrder(2.0, 2.0))
    for function in (utils.chunks, Trade.create_order, BetfairOrder.__init__, Own.__init__):
        inspect.signature(function), typing.get_type_hints(function), vars(function), function.__annotations__
    Trade.__annotations__, utils.__annotations__ if hasattr(utils, "__annotations__") else None
    isinstance(own, abc.ABC), hasattr(utils.chunks, "kept"), repr(OrderStatus.PENDING), OrderStatus("Pending")
    logging.getLogger("of nobody"), logging.getLogger("flumine.utils").isEnabledFor(10)
    logging.getLogger("wave").addHandler(logging.NullHandler())
    __import__("wave")
    assert surroundings.changes() == ()


def test_what_is_as_it_was_is_not_taken_down_again(monkeypatch: pytest.MonkeyPatch):
    surroundings = Surroundings()
    assert surroundings.renewed() is surroundings
    monkeypatch.setitem(sys.modules, "flumine.of_nobody", ModuleType("flumine.of_nobody"))
    assert surroundings.renewed() is not surroundings


def test_what_was_changed_is_as_it_should_be_from_then_on(monkeypatch: pytest.MonkeyPatch):
    surroundings = Surroundings()
    monkeypatch.setattr(utils, "chunks", None)
    assert surroundings.renewed().changes() == ()
    assert surroundings.changes()
