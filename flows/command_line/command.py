"""Write a backtest's parameters as the command line that repeats it."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_jsonable_python

from flows.command_line.options import options_of
from flows.parameters import BacktestParameters
from flows.strategy_text import write_exactly, write_strategy, write_value
from tasks.addresses import shown
from tasks.errors import StrategyError
from tasks.ratings.services import DEFAULT_BASE_URL, SERVICES
from tasks.settings import Settings
from tasks.variants.strategy_class import check_parameters
from tasks.variants.word import Word


def command_of(parameters: BacktestParameters) -> str:
    """Return a backtest as one line for a shell.

    It has the lake, and all parameters that differ from their defaults, except those that do not affect the figures; a
    ratings address is without its query.
    """
    if parameters.ratings:
        parameters = parameters.model_copy(update={"ratings": shown(parameters.ratings)})
    words = [
        *_strategies(parameters),
        *(word for option in options_of(type(parameters)) for word in option.say(parameters)),
    ]
    archives = parameters.archives
    # `--` ends the options, if an archive could be mistaken for one.
    asked = [*words, "--", *archives] if any(one.startswith("-") for one in archives) else [*archives, *words]
    command = shlex.join(["backtest", "run", *asked])
    service = Settings().ratings_url
    if parameters.ratings in SERVICES and service != DEFAULT_BASE_URL:
        return f"BACKTEST_RATINGS_URL={shlex.quote(shown(service))} {command}"
    return command


def _strategies(parameters: BacktestParameters) -> Iterator[str]:
    for choice in (*parameters.strategies, *parameters.own_strategies):
        yield from ("--strategy", write_strategy(choice.strategy, _written(choice.strategy, choice.parameters)))


def _written(strategy: str, parameters: dict[str, Any]) -> dict[str, str]:
    """Write each value as plain text if the strategy reads that as the same value, else as JSON."""
    taken = check_parameters(strategy, parameters)
    written = {}
    for name, given in parameters.items():
        value = given if isinstance(given, str) else to_jsonable_python(taken.get(name, given))
        text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
        is_word = write_value(text) == text and _is_taken(strategy, {**parameters, name: Word(text)}, taken)
        written[name] = text if is_word else write_exactly(value)
    return written


def _is_taken(strategy: str, parameters: dict[str, Any], taken: dict[str, Any]) -> bool:
    try:
        # As JSON, because 1, 1.0 and True are equal in Python but make different variants.
        return json.dumps(check_parameters(strategy, parameters)) == json.dumps(taken)
    except StrategyError:
        return False
