"""Generate a verb of the command line from a model: its arguments and options are parsed into the model."""

from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, Signature
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.command_line.debug_options import IN_MEMORY, Ask, check_debugs
from flows.command_line.options import FieldOption, nest, options_of
from flows.command_line.screen import screen
from flows.parameters import BacktestParameters
from flows.strategy_text import read_axis, read_strategy, write_exactly
from tasks.errors import InputError, StrategyError

_STRATEGY = "NAME[:key=value,…] or path/to/my.py:Class[:key=value,…]"
_GRID = "NAME=VALUE,…: values of a parameter to combine; repeatable"
_JSON = "Print one JSON object instead of tables"
_QUIET = "Print the result alone: no progress, and of the log warnings only"
_DEBUGS = {
    "debugs": typer.Option("--debug", help="Replay in this process and write nothing: breakpoint(), print, tracebacks"),
    "watches": typer.Option("--watch", help="As --debug, and again whenever the strategy's file is saved"),
}

# The options of fields that `options_of` leaves out, for error messages.
_WORDS = {"strategies": "--strategy", "own_strategies": "--strategy", "strategy": "--strategy", "grid": "--set"}

R = TypeVar("R")


class Printed(NamedTuple):
    """How an outcome is printed.

    Attributes:
        as_json: As one JSON object instead of tables.
        quiet: Without what only tells how the work went.
    """

    as_json: bool
    quiet: bool


def verb_of(
    model: type[BacktestParameters],
    act: Callable[[BacktestParameters], R],
    show: Callable[[R, Printed], None],
    debug: Callable[[Ask, Sequence[str], bool], None] | None = None,
) -> Callable[..., None]:
    """Return a verb's function, with a signature for Typer; it raises InputError if the input is wrong.

    Args:
        model: Its fields are the options. If it has a `grid`, the verb takes one strategy and values to combine.
        act: What the verb does, given the checked parameters.
        show: Prints the outcome.
        debug: What it does with `--debug`, given what makes the parameters, the strategies as they were written, and
            whether to watch their files; None if it has no such option.
    """
    options, sweeps = options_of(model), "grid" in model.model_fields

    def verb(  # noqa: PLR0913 - the options that no model has, and all that one has
        *,
        archives: list[str],
        strategy: list[str] | None,
        grid: list[str] | None = None,
        as_json: bool,
        quiet: bool,
        debugs: bool = False,
        watches: bool = False,
        **given: Any,  # noqa: ANN401 - texts, lists of texts, bools; None if an option was not given
    ) -> None:
        def ask(texts: Sequence[str], **instead: Any) -> BacktestParameters:  # noqa: ANN401 - any field
            strategies = _swept(texts, grid or ()) if sweeps else _strategies(texts)
            try:
                return model.model_validate({"archives": archives, **strategies, **asked, **instead})
            except ValidationError as error:
                raise InputError("; ".join(_problem(found, options) for found in error.errors())) from None

        asked = nest([(option, option.read(given[_name(option)])) for option in options])
        if debug and (debugs or watches):
            words = [option.word for option in options if given[_name(option)] is not None]
            check_debugs([*words, *(["--json"] if as_json else []), *(["--quiet"] if quiet else [])])
            debug(partial(ask, lake=IN_MEMORY), strategy or (), watches)
        else:
            with screen("Checking what is asked", quiet=quiet):
                parameters = ask(strategy or ())
                parameters.check()
                outcome = act(parameters)
            show(outcome, Printed(as_json, quiet))

    verb.__signature__ = Signature(  # type: ignore[attr-defined]  # what Typer reads
        [
            _told("archives", Annotated[list[str], typer.Argument(help=model.model_fields["archives"].description)]),
            _told("strategy", Annotated[list[str] | None, _strategy_option(model, sweeps)], None),
            *([_told("grid", Annotated[list[str] | None, typer.Option("--set", help=_GRID)], None)] if sweeps else []),
            *map(_told_of, options),
            _told("as_json", Annotated[bool, typer.Option("--json", help=_JSON)], False),
            _told("quiet", Annotated[bool, typer.Option("--quiet", help=_QUIET)], False),
            *(_told(name, Annotated[bool, option], False) for name, option in (_DEBUGS if debug else {}).items()),
        ]
    )
    return verb


def _strategy_option(model: type[BacktestParameters], sweeps: bool) -> Any:  # noqa: ANN401 - as `typer.Option` has it
    if sweeps:
        return typer.Option("--strategy", help=f"{_STRATEGY}; parameters given here are fixed")
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
        raise InputError(f"a sweep takes one strategy, but {len(texts)} were given; give one --strategy")
    if not axes:
        raise InputError("a sweep needs values to combine; give --set NAME=VALUE,…: --set seconds_to_start=15,30")
    choice = _choice(texts[0])
    fixed = ((name, write_exactly(value)) for name, value in choice["parameters"].items())
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
    # This project's own validators name the field in their message.
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    place = error["loc"]
    word = next((option.word for option in options if place[: len(option.path)] == option.path), None)
    return f"{word or _WORDS.get(str(place[0]), '.'.join(map(str, place)))}: {error['msg']}"
