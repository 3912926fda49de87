"""A verb of the command line made of a model: an argument and options in, the model that they ask for out."""

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.command_line.options import FieldOption, nest, options_of
from flows.parameters import BacktestParameters
from flows.strategy_text import read_axis, read_strategy, write_value
from tasks.errors import InputError, StrategyError

_STRATEGY = "NAME[:key=value,…] or path/to/my.py:Class[:key=value,…]"
_GRID = "NAME=VALUE,…: values of a parameter to combine; repeatable"
_JSON = "Print one JSON object instead of tables"

# How a refusal calls what is no option of a field.
_WORDS = {"strategies": "--strategy", "own_strategies": "--strategy", "strategy": "--strategy", "grid": "--set"}


def verb_of(model: type[BacktestParameters], act: Callable[[BacktestParameters, bool], None]) -> Callable[..., None]:
    """Make a verb's function.

    Args:
        model: What is asked: its fields are the options. One with a `grid` asks for one strategy and values to combine.
        act: What the verb does, given what was asked, checked; and whether to print JSON.

    Returns:
        A function with the signature that Typer is to read. It raises InputError where what was asked is wrong.
    """
    options, sweeps = options_of(model), "grid" in model.model_fields

    def verb(
        *,
        archives: list[str],
        strategy: list[str] | None,
        grid: list[str] | None = None,
        as_json: bool,
        **given: Any,  # noqa: ANN401 - texts, lists of texts, bools; None where an option was not given
    ) -> None:
        asked = nest([(option, option.read(given[_name(option)])) for option in options])
        strategies = _swept(strategy or (), grid or ()) if sweeps else _strategies(strategy or ())
        try:
            parameters = model.model_validate({"archives": archives, **strategies, **asked})
        except ValidationError as error:
            raise InputError("; ".join(_problem(found, options) for found in error.errors())) from None
        parameters.check()
        act(parameters, as_json)

    verb.__signature__ = Signature(  # type: ignore[attr-defined]  # what Typer reads
        [
            _told("archives", Annotated[list[str], typer.Argument(help=model.model_fields["archives"].description)]),
            _told("strategy", Annotated[list[str] | None, _strategy_option(model, sweeps)], None),
            *([_told("grid", Annotated[list[str] | None, typer.Option("--set", help=_GRID)], None)] if sweeps else []),
            *map(_told_of, options),
            _told("as_json", Annotated[bool, typer.Option("--json", help=_JSON)], False),
        ]
    )
    return verb


def _strategy_option(model: type[BacktestParameters], sweeps: bool) -> Any:  # noqa: ANN401 - as `typer.Option` has it
    if sweeps:
        return typer.Option("--strategy", help=f"{_STRATEGY}; its parameters here are the same throughout")
    default = ", ".join(choice.strategy for choice in model.model_fields["strategies"].default)
    return typer.Option("--strategy", help=f"{_STRATEGY}; repeatable; default {default}")


def _told_of(option: FieldOption) -> Parameter:
    kind = bool if option.is_flag else list[str] if option.is_list else str
    declared = typer.Option(
        "/".join(option.flags) if option.is_flag else option.word,
        help=option.help,
        metavar=None if option.is_flag else option.kind,
    )
    return _told(_name(option), Annotated[kind | None, declared], None)


def _told(name: str, annotation: Any, default: Any = Parameter.empty) -> Parameter:  # noqa: ANN401 - as `inspect` has it
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _name(option: FieldOption) -> str:
    return "__".join(option.path)


def _strategies(texts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    choices = [_choice(text) for text in texts]
    own = [choice for choice in choices if ":" in choice["strategy"]]
    return {"strategies": [choice for choice in choices if choice not in own], "own_strategies": own} if texts else {}


def _swept(texts: Sequence[str], axes: Sequence[str]) -> dict[str, Any]:
    if len(texts) != 1:
        raise InputError(f"a sweep is of one strategy, and {len(texts)} were given; give one --strategy")
    if not axes:
        raise InputError("a sweep needs values to combine; give --set NAME=VALUE,…, as in --set seconds_to_start=15,30")
    choice = _choice(texts[0])
    fixed = ((name, write_value(value)) for name, value in choice["parameters"].items())
    grid = [{"parameter": name, "values": values} for name, values in (*fixed, *map(_axis, axes))]
    return {"strategy": choice["strategy"], "grid": grid}


def _choice(text: str) -> dict[str, Any]:
    try:
        name, parameters = read_strategy(text)
    except StrategyError as error:
        raise StrategyError(f"--strategy {text}: {error}") from None
    return {"strategy": name, "parameters": parameters}


def _axis(text: str) -> tuple[str, str]:
    try:
        return read_axis(text)
    except StrategyError as error:
        raise StrategyError(f"--set {text}: {error}") from None


def _problem(error: ErrorDetails, options: Sequence[FieldOption]) -> str:
    # What this project's own validators say needs no address: it names what is wrong.
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    place = error["loc"]
    word = next((option.word for option in options if place[: len(option.path)] == option.path), None)
    return f"{word or _WORDS.get(str(place[0]), '.'.join(map(str, place)))}: {error['msg']}"
