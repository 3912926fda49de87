"""Turn a user's input into a flumine strategy: find the class, check its parameters, make instances.

This project's strategies are found by name, any other by its file or import path; importing one runs its code.
"""

import ast
import copy
import difflib
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, NoReturn, get_type_hints

from flumine import BaseStrategy
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, create_model

from strategies import STRATEGIES
from strategies.base import Ratings
from tasks.errors import StrategyError
from tasks.variants.dependencies.record import record_dependencies
from tasks.variants.guarded_config import guard_config
from tasks.variants.own_strategy import import_path
from tasks.variants.word import Word

# Set by the replay, so not by a user.
_GIVEN = {"self", "args", "kwargs", "flumine", "stream", "streams", "name", "ratings", "parameters", "context"}
_CONTEXT = "context."


def find_strategy(name: str) -> type[BaseStrategy]:
    """Find a strategy's class.

    Args:
        name: A name of `strategies.STRATEGIES`, `path/to/my.py:MyStrategy`, or `module:Class`.

    Raises:
        StrategyError: It does not exist, cannot be imported, or is not a flumine strategy.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    guard_config()
    record_dependencies()
    if ":" not in name and not name.endswith(".py"):
        near = difflib.get_close_matches(name, STRATEGIES, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise StrategyError(
            f"no strategy {name!r}; {hint}there are {', '.join(STRATEGIES)}; your own is path/to/my.py:MyStrategy"
        )
    module_name, _, class_name = import_path(name).partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ImportError as error:
        raise StrategyError(
            f"{name}: cannot import {module_name} ({error}); give its file, path/to/my.py:MyStrategy"
        ) from error
    except Exception as error:
        raise StrategyError(f"{name}: importing {module_name!r} raised {type(error).__name__}: {error}") from error
    if found is None:
        raise StrategyError(f"{name}: the module {module_name} has no {class_name}")
    if not (isinstance(found, type) and issubclass(found, BaseStrategy)):
        raise StrategyError(f"{name}: {class_name} is not a flumine.BaseStrategy")
    return found


def summary_of(strategy: type[BaseStrategy]) -> str:
    """Return the first line of a strategy's docstring."""
    return next(iter((strategy.__doc__ or "").splitlines()), "")


def parameters_model(strategy: type[BaseStrategy]) -> type[BaseModel]:
    """Return the model of a strategy's parameters: its own, or one made from its constructors' arguments."""
    own = _own_model(strategy)
    if own is not None:
        return own
    fields: dict[str, Any] = {}
    for arguments, hints in _constructors(strategy):
        for argument in arguments:
            if argument.name not in _GIVEN:
                default = ... if argument.default is argument.empty else argument.default
                fields.setdefault(argument.name, (hints.get(argument.name, Any), default))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(f"{strategy.__name__}Parameters", __config__=config, **fields)


def check_parameters(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Validate a user's parameters.

    Args:
        name: The strategy, as for `find_strategy`.
        parameters: By name; text is converted. `context.x` goes into flumine's `context` as `x`.

    Returns:
        Parameters of JSON's types: all if the strategy has its own model; else those that were set, because its
        constructors decide what they pass on to one another.

    Raises:
        StrategyError: The strategy does not have a parameter, or cannot take its value.
    """
    strategy = find_strategy(name)
    own, model = _own_model(strategy), parameters_model(strategy)
    context = {} if own else {key: _literal(value) for key, value in parameters.items() if key.startswith(_CONTEXT)}
    named = {
        key: value if own or _takes_text(model, key) else _literal(value)
        for key, value in parameters.items()
        if key not in context
    }
    try:
        made = model.model_validate(named)
        written = _in_order(made, made.model_dump(mode="json", exclude_unset=own is None))
        checked = {**written, **context}
        read = json.loads(json.dumps(checked, allow_nan=False))
        lasts = model.model_validate({name: read[name] for name in written}) == made and checked == read
    except ValidationError as error:
        known = ", ".join(model.model_fields) or "none"
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StrategyError(f"{name}: {problems}. Its parameters are {known}") from None
    except (TypeError, ValueError) as error:
        raise StrategyError(f"{name}: {dict(parameters)} has a value that JSON cannot write ({error})") from None
    if not lasts:
        raise StrategyError(
            f"{name}: its parameters are others when they are written down as JSON and read again; see {checked}. Give "
            "each a type that JSON or its annotation keeps, such as stakes: dict[int, float]"
        )
    return checked


def takes_ratings(strategy: type[BaseStrategy]) -> bool:
    """Return whether a strategy's constructors take `ratings`."""
    return any(argument.name == "ratings" for arguments, _ in _constructors(strategy) for argument in arguments)


def strategy_maker(name: str, parameters: Mapping[str, Any]) -> Callable[[Ratings], BaseStrategy]:
    """Return a factory of a strategy's instances, one per session.

    Args:
        name: As for `find_strategy`.
        parameters: From `check_parameters`; converted to the types that the constructor annotates.

    Returns:
        Makes an instance, without streams, from ratings: market id to selection id to rated price.
    """
    strategy, own = find_strategy(name), _own_model(find_strategy(name))
    is_rated = takes_ratings(strategy)
    model = parameters_model(strategy)
    of_context = () if own else [key for key in parameters if key.startswith(_CONTEXT)]
    context = {key.removeprefix(_CONTEXT): parameters[key] for key in of_context}
    named = {key: value for key, value in parameters.items() if key not in of_context}

    def make(ratings: Ratings) -> BaseStrategy:
        given: dict[str, Any] = {"ratings": ratings} if is_rated else {}
        # A copy for each instance, so that none sees another's changes.
        typed = model.model_validate(copy.deepcopy(named))
        if own is not None:
            return strategy(typed, **given)
        if context:
            given["context"] = copy.deepcopy(context)
        return strategy(**{key: getattr(typed, key) for key in named}, **given)

    return make


def _own_model(strategy: type[BaseStrategy]) -> type[BaseModel] | None:
    own = getattr(strategy, "Parameters", None)
    return own if isinstance(own, type) and issubclass(own, BaseModel) else None


def _in_order(value: Any, written: Any) -> Any:  # noqa: ANN401 - any strategy's parameter
    """Sort what was a set: its order is another in each process, and would make another variant of the same.

    Args:
        value: A parameter, or something in one.
        written: The same as JSON.
    """
    if isinstance(value, set | frozenset):
        return sorted(written, key=json.dumps)
    if isinstance(value, Mapping) and isinstance(written, dict):
        return {key: _in_order(each, written[key]) for key, each in zip(written, value.values(), strict=True)}
    if isinstance(value, list | tuple) and isinstance(written, list):
        return [_in_order(*pair) for pair in zip(value, written, strict=True)]
    if isinstance(written, dict) and (isinstance(value, BaseModel) or is_dataclass(value)):
        return {key: _in_order(getattr(value, key, None), each) for key, each in written.items()}
    return written


def _takes_text(model: type[BaseModel], name: str) -> bool:
    """Return whether a parameter is annotated as text: of a word, `007` is then no number."""
    return name in model.model_fields and model.model_fields[name].annotation is str


def _constructors(strategy: type[BaseStrategy]) -> list[tuple[list[inspect.Parameter], dict[str, Any]]]:
    """Return the constructors whose arguments reach the strategy: up the MRO while each passes `**` on."""
    found = []
    for base in strategy.__mro__:
        constructor = vars(base).get("__init__")
        if constructor is None or base is object:
            continue
        if not callable(constructor):
            raise StrategyError(f"{base.__name__}.__init__ is no function; a strategy's has to be one")
        arguments = inspect.signature(constructor).parameters.values()
        named = [a for a in arguments if a.kind not in (a.VAR_POSITIONAL, a.VAR_KEYWORD)]
        found.append((named, _hints(constructor, named)))
        if not any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
            break
    return found


def _hints(constructor: Callable[..., Any], arguments: Iterable[inspect.Parameter]) -> dict[str, Any]:
    """Return the types of a constructor's arguments, one that is not annotated but is False or True by default a bool.

    Each is evaluated by itself: one that cannot be, being imported for type checkers alone, costs the others nothing.
    """
    hints: dict[str, Any] = {}
    for argument in arguments:
        if argument.annotation is not argument.empty:
            alone = SimpleNamespace(__annotations__={argument.name: argument.annotation})
            try:
                hints |= get_type_hints(alone, getattr(inspect.unwrap(constructor), "__globals__", None))
            except Exception:  # noqa: BLE001 - evaluating it runs whatever code is in it
                hints[argument.name] = Annotated[Any, BeforeValidator(partial(_refuse_unknown, argument.annotation))]
        elif isinstance(argument.default, bool):
            hints[argument.name] = bool
    return hints


def _refuse_unknown(annotation: object, _: object) -> NoReturn:
    raise ValueError(f"its annotation {annotation} cannot be evaluated; import it outside of `if TYPE_CHECKING:`")


def _literal(value: Any) -> Any:  # noqa: ANN401 - any strategy's parameter
    """Return what a word says in Python or, for false and true, in JSON; whatever else is what it is."""
    if not isinstance(value, Word):
        return value
    try:
        return ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
    except (SyntaxError, ValueError):
        return str(value)
