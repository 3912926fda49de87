"""The judge: what plain flumine makes of a strategy in one market, by its own stream on a file and its own loop.

Nothing of this project is in between, so that this project's engine can be judged by it. What a strategy keeps outside
of its instance (its class, its module, global random numbers) is the caller's business: nothing is seeded or undone.
"""

import datetime as dt
import json
import logging
import runpy
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from traceback import format_exception
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient
from flumine.markets.market import Market
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

if TYPE_CHECKING:
    from tasks.variants.settings import SimulationSettings

Order = dict[str, Any]
Messages = Sequence[Mapping[str, Any] | str | bytes]

_LOG = logging.getLogger("flumine")


@dataclass(frozen=True)
class Raised:
    """What came out of flumine in place of orders.

    Attributes:
        type_name: The exception's class.
        text: What it says.
        where: Its traceback, for a person; it takes no part in a comparison.
    """

    type_name: str
    text: str
    where: str = field(default="", compare=False, repr=False)


def orders_of(
    path_or_messages: Path | str | Messages,
    make_strategy: Callable[[], BaseStrategy],
    listener_kwargs: Mapping[str, Any],
    currency: str = "GBP",
    settings: "SimulationSettings | None" = None,
) -> list[Order] | Raised:
    """Let plain flumine replay one market for one strategy.

    A `FlumineException` of a strategy is logged by flumine, which goes on; any other exception ends the replay. The
    replay starts from flumine's own settings and those given, whatever `flumine.config` is, and leaves behind what it
    found.

    Args:
        path_or_messages: The market's file, as flumine reads it, or its messages, which are written to one.
        make_strategy: Makes the strategy, without streams.
        listener_kwargs: Of flumine's historical stream: `inplay`, `seconds_to_start` and so on.
        currency: The account's; it decides the smallest bets.
        settings: What flumine is told by its `config`, its client's arguments and those of its stream's listener; none
            leaves it as it is.

    Returns:
        The market's orders in the order of placing, or what was raised.
    """
    if isinstance(path_or_messages, Path | str):
        return _judge(Path(path_or_messages), make_strategy, listener_kwargs, currency, settings)
    with tempfile.TemporaryDirectory() as folder:
        path = write_market(path_or_messages, Path(folder) / "1.200000001")
        return _judge(path, make_strategy, listener_kwargs, currency, settings)


def write_market(messages: Messages, path: Path) -> Path:
    """Write a market's file.

    Args:
        messages: Objects, or their lines of JSON with or without line feeds.
        path: Where to; plain.

    Returns:
        The path.
    """
    with path.open("wb") as file:
        for message in messages:
            line = json.dumps(message) if isinstance(message, Mapping) else message
            file.write((line if isinstance(line, bytes) else line.encode()).rstrip(b"\n") + b"\n")
    return path


def _judge(
    path: Path,
    make_strategy: Callable[[], BaseStrategy],
    listener_kwargs: Mapping[str, Any],
    currency: str,
    settings: "SimulationSettings | None",
) -> list[Order] | Raised:
    with flumine_as_imported():
        config.raise_errors = True
        if settings:
            _configure(settings)
        try:
            client = SimulatedClient(username="plain", **_client_arguments(settings) if settings else {})
            client.CURRENCY_CODE = currency
            framework = FlumineSimulation(client)
            strategy = make_strategy()
            kwargs = {**listener_kwargs, **(_sums(settings) if settings else {})}
            strategy.streams = [BetfairHistoricalStream(file_path=str(path), listener_kwargs=kwargs)]
            framework.add_strategy(strategy)
            framework.run()
            return [order for market in framework.markets for order in describe(market)]
        except Exception as error:  # noqa: BLE001 - what flumine raises is an answer too
            return Raised(type(error).__name__, str(error), "".join(format_exception(error)))


def _configure(settings: "SimulationSettings") -> None:
    config.place_latency = settings.place_latency
    config.cancel_latency = settings.cancel_latency
    config.update_latency = settings.update_latency
    config.replace_latency = settings.replace_latency
    config.simulation_available_prices = settings.simulation_available_prices


def _client_arguments(settings: "SimulationSettings") -> dict[str, Any]:
    return {
        "transaction_limit": settings.transaction_limit,
        "best_price_execution": settings.best_price_execution,
        "min_bet_validation": settings.min_bet_validation,
        "simulated_full_match": settings.simulated_full_match,
    }


def _sums(settings: "SimulationSettings") -> dict[str, Any]:
    return {
        "calculate_market_tv": settings.calculate_market_tv,
        "cumulative_runner_tv": settings.cumulative_runner_tv,
    }


@contextmanager
def flumine_as_imported() -> Iterator[None]:
    """Give flumine what it has in a process of its own, and put back afterwards whatever was there."""
    real_datetime = dt.datetime
    kind, settings = type(config), vars(config).copy()
    level, log = _LOG.level, (_LOG.propagate, _LOG.disabled, _LOG.handlers)
    try:
        # Past a class that would refuse it: here a strategy may change flumine's settings.
        ModuleType.__setattr__(config, "__class__", ModuleType)
        _set_config(runpy.run_path(str(config.__file__)))
        # It logs what it logs by default, records and all, but to nobody.
        _LOG.setLevel(logging.WARNING)
        _LOG.propagate, _LOG.disabled, _LOG.handlers = False, False, [logging.NullHandler()]
        yield
    finally:
        dt.datetime = real_datetime  # type: ignore[misc]
        _set_config(settings)
        ModuleType.__setattr__(config, "__class__", kind)
        _LOG.setLevel(level)
        _LOG.propagate, _LOG.disabled, _LOG.handlers = log


def _set_config(settings: Mapping[str, Any]) -> None:
    """Give flumine these settings and no others; what Python itself keeps in a module stays."""
    values = vars(config)
    for name in [name for name in values if not name.startswith("__")]:
        del values[name]
    values.update({name: value for name, value in settings.items() if not name.startswith("__")})


def describe(market: Market) -> Iterator[Order]:
    trades: dict[str, int] = {}
    for order in market.blotter:
        order_type = order.order_type
        yield {
            "market_id": order.market_id,
            "selection_id": order.selection_id,
            "handicap": order.handicap,
            "trade": trades.setdefault(order.trade.id, len(trades) + 1),
            "side": order.side,
            "order_type": order_type.ORDER_TYPE.value,
            "price": getattr(order_type, "price", None),
            "size": getattr(order_type, "size", None),
            "liability": getattr(order_type, "liability", None),
            "persistence": getattr(order_type, "persistence_type", None),
            "time_in_force": getattr(order_type, "time_in_force", None),
            "min_fill_size": getattr(order_type, "min_fill_size", None),
            "market_version": order.market_version,
            "async": order.async_,
            "date_time_placed": order.responses.date_time_placed,
            "status": order.status.value,
            "price_matched": order.average_price_matched,
            "size_matched": order.size_matched,
            "size_cancelled": order.size_cancelled,
            "size_lapsed": order.size_lapsed,
            "size_voided": order.size_voided,
            "matched": [list(match) for match in order.simulated.matched],
            "elapsed_seconds_executable": order.elapsed_seconds_executable,
            "runner_status": order.runner_status,
            "profit": order.profit,
            "market_notes": order.trade.market_notes,
            "trade_notes": order.trade.notes_str,
            "order_notes": order.notes_str,
        }
