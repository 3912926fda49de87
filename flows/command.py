"""A backtest's parameters as the command line that asks the same; for those who want to run it again."""

import shlex
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from flows.parameters import BacktestParameters
from tasks.ratings.services import DEFAULT_BASE_URL, SERVICES, without_user
from tasks.settings import Settings

_OPTIONS = {
    "ratings": "--ratings",
    "window": "--window",
    "commission": "--commission",
    "discount_rate": "--discount",
    "split": "--split",
    "engine": "--engine",
    "currency": "--currency",
    "chunk_bytes": "--chunk-bytes",
}
_FILTERS = {"countries": "--country", "venues": "--venue", "date_from": "--from", "date_to": "--to"}


def command_of(parameters: BacktestParameters) -> str:
    """Say a backtest as a command; how many processes work on it is left to whoever runs it.

    Args:
        parameters: What to backtest.

    Returns:
        One line for a shell: what differs from the defaults, and the lake.
    """
    command = shlex.join(["backtest", "run", *parameters.archives, *_words(parameters)])
    service = Settings().ratings_url
    if parameters.ratings in SERVICES and service != DEFAULT_BASE_URL:
        return f"BACKTEST_RATINGS_URL={shlex.quote(without_user(service))} {command}"
    return command


def _words(parameters: BacktestParameters) -> Iterator[str]:
    for choice in (*parameters.strategies, *parameters.own_strategies):
        # None is what a parameter is where it is not given.
        given = {name: value for name, value in choice.parameters.items() if value is not None}
        settings = ",".join(f"{name}={_text(value)}" for name, value in given.items())
        yield from ("--strategy", f"{choice.strategy}:{settings}" if settings else choice.strategy)
    yield from _differing(parameters, _OPTIONS)
    if parameters.markets.market_types != ["WIN"]:
        for market_type in parameters.markets.market_types or ["ALL"]:
            yield from ("--market-type", market_type)
    yield from _differing(parameters.markets, _FILTERS)
    yield from ("--lake", parameters.lake)


def _differing(model: BaseModel, options: dict[str, str]) -> Iterator[str]:
    for name, option in options.items():
        value = getattr(model, name)
        if value != type(model).model_fields[name].get_default(call_default_factory=True):
            for one in value if isinstance(value, list) else [value]:
                yield from (option, str(one))


def _text(value: Any) -> str:  # noqa: ANN401 - a parameter of a strategy we know nothing about
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
