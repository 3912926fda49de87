"""What can be set on functions that all strategies of a process share: their body, defaults, texts and attributes."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter, is_
from types import FunctionType
from typing import Any

_NAMES = (
    "__code__",
    "__closure__",
    "__defaults__",
    "__kwdefaults__",
    "__name__",
    "__qualname__",
    "__module__",
    "__doc__",
)
_PARTS, _COUNT = attrgetter(*_NAMES), len(_NAMES)
_HELD = attrgetter("__dict__", "__kwdefaults__", "__annotations__")

# Where functions are within something else, by its type.
_WITHIN: Mapping[type, Callable[[Any], tuple[object, ...]]] = {
    FunctionType: lambda function: (function.__dict__.get("__wrapped__"),) if function.__dict__ else (),
    staticmethod: lambda method: (method.__func__,),
    classmethod: lambda method: (method.__func__,),
    property: attrgetter("fget", "fset", "fdel"),
    functools.cached_property: lambda made: (made.func,),
    functools.partial: lambda made: (made.func,),
    type(functools.cache(repr)): lambda cached: (cached.__wrapped__,),
}


def functions_in(values: Iterable[object]) -> Iterator[FunctionType]:
    """Yield the functions among the values of a module or a class, also those within methods, properties and wrappers.

    Args:
        values: What its names stand for.

    Yields:
        Functions; one may come several times.
    """
    for value in values:
        if type(value) is FunctionType:
            yield value
        if within := _WITHIN.get(type(value)):
            yield from functions_in(within(value))


class FunctionParts:
    """The parts of functions at one moment."""

    def __init__(self, functions: Iterable[FunctionType]) -> None:
        self._functions = [*{id(function): function for function in functions}.values()]
        self._parts, self._held = _parts(self._functions), _held(self._functions)

    def changes(self) -> Iterator[str]:
        """Compare with the present.

        Yields:
            Names of functions of which a part is another object.
        """
        now, held = _parts(self._functions), _held(self._functions)
        others: set[int] = set()
        if not all(map(is_, now, self._parts)):
            others = {number // _COUNT for number, part in enumerate(now) if part is not self._parts[number]}
        for number in {**self._held, **held}:
            before, after = self._held.get(number, ()), held.get(number, ())
            if len(before) != len(after) or not all(map(is_, before, after)):
                others.add(number)
        for number in sorted(others):
            yield f"{self._functions[number].__module__}.{self._functions[number].__qualname__}"


def _parts(functions: Iterable[FunctionType]) -> list[object]:
    """Return all parts in one list: with one for each function, Python would collect garbage meanwhile."""
    return [*chain.from_iterable(map(_PARTS, functions))]


def _held(functions: Iterable[FunctionType]) -> dict[int, tuple[object, ...]]:
    """Return names and values of attributes, keyword defaults and hints, by the number of a function that has some."""
    return {
        number: tuple(chain.from_iterable(part for held in filter(None, each) for part in held.items()))
        for number, each in enumerate(map(_HELD, functions))
        if any(each)
    }
