"""State that all strategies of a process share: what one changes there, another one finds.

Compared in two ways: a cheap part at ticks within a session, and all of it at the end of a job.
"""

import builtins
import datetime as dt
import decimal
import json
import locale
import logging
import math
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from operator import is_
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from flumine import config

from tasks.simulation.function_parts import FunctionParts, functions_in
from tasks.simulation.loggers import Loggers

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

# Modules whose functions strategies patch, and packages whose classes and tables are all compared too.
_MODULES = (builtins, dt, json, math, random, time)
_PACKAGES = ("flumine", "betfairlightweight")

# State that Python's other modules keep for themselves is private, or neither a function nor a class.
_PYTHONS = sys.stdlib_module_names - {module.__name__ for module in _MODULES}

_COMPARED = {*_PACKAGES, *sys.stdlib_module_names}

# What Python itself stores lazily on a class or a module.
_NOTED = frozenset({"__slotnames__", "__annotations__", "__abstractmethods__", "__warningregistry__", "_abc_impl"})
_OF_CLASSES = ("__bases__", "__name__", "__qualname__")
_ABSENT = object()

# Compared in other ways.
_LOOKED_INTO = (type, ModuleType, FunctionType)

_IMMUTABLE_TYPE = 1 << 8  # CPython's Py_TPFLAGS_IMMUTABLETYPE

_Table = dict[Any, object] | list[object] | set[object]
_Defined = tuple[str, ModuleType | type]
_Read = Callable[[], Mapping[Any, object]]

_STANDARD_FILES = (0, 1, 2)
_PRIVATE = 0o077


def surroundings() -> tuple[object, ...]:
    """Return for comparison what strategies change most: environment, folders, locale, arithmetic."""
    place, arithmetic = locale.setlocale(locale.LC_ALL), repr(decimal.getcontext())
    return dict(os.environ), Path.cwd(), [*sys.path], place, arithmetic, np.geterr()


class Surroundings:
    """All shared state at one moment."""

    def __init__(self) -> None:
        self._states, self._modules = _states(), _modules()
        packages = [*_defined_in(_PACKAGES)]
        functions = [*_functions(chain(packages, _defined_in([module.__name__ for module in _MODULES])))]
        tables = [*_tables(packages, functions)]
        self._names = [(owner, read, read()) for owner, read in _patched(packages)]
        self._tables = [(owner, table, table.copy()) for owner, table in tables if isinstance(table, dict)]
        self._held = [(owner, held, [*held]) for owner, held in tables if not isinstance(held, dict)]
        self._pythons = [(owner, vars(thing), dict(vars(thing))) for owner, thing in _defined_in(_PYTHONS)]
        self._functions = FunctionParts(functions)
        self._loggers = Loggers()

    def renewed(self) -> "Surroundings":
        """Return those of now; themselves where nothing has changed, since to compare takes a quarter of the time."""
        return self if _modules() == self._modules and not self.changes() else Surroundings()

    def changes(self) -> tuple[str, ...]:
        """Compare with the present; return what has changed, in words."""
        states = _states()
        return (
            *(what for what, state in self._states.items() if states[what] != state),
            *(f"{owner}.{name}" for owner, read, before in self._names for name in _changed(read(), before)),
            *(f"{owner}.{name}" for owner, table, before in self._tables for name in _changed(table, before)),
            *(
                f"{owner}.{name}"
                for owner, names, before in self._pythons
                for name in _changed(names, before)
                if not _is_private(name) and (name not in before or callable(before[name]))
            ),
            *(
                owner
                for owner, held, before in self._held
                if len(held) != len(before) or not all(map(is_, held, before))
            ),
            *self._functions.changes(),
            *self._loggers.changes(),
        )


def _modules() -> list[str]:
    """Return the names of the modules that are compared."""
    return [name for name in sys.modules if name.partition(".")[0] in _COMPARED]


def _states() -> dict[str, object]:
    environment, folder, path, place, arithmetic, errors = surroundings()
    return {
        "the environment": environment,
        "the working folder": folder,
        "the path of imports": path,
        "the locale": place,
        "the decimal context": arithmetic,
        "numpy's errors": errors,
        "the limits of the process": _resource_limits(),
        "the umask": _umask(),
        "signal handlers": _signals(),
        "the standard streams": (*map(id, (sys.stdin, sys.stdout, sys.stderr)), *map(_file, _STANDARD_FILES)),
        "the depth of recursion": sys.getrecursionlimit(),
        "warnings": [*map(id, warnings.filters)],
        "logging": logging.root.manager.disable,
        "tracing": (sys.gettrace(), sys.getprofile()),
    }


def _resource_limits() -> object:
    if resource is None:
        return None
    names = [name for name in vars(resource) if name.startswith("RLIMIT_")]
    return [resource.getrlimit(getattr(resource, name)) for name in names]


def _umask() -> int:
    # It can only be read by setting another; meanwhile new files are private.
    umask = os.umask(_PRIVATE)
    os.umask(umask)
    return umask


def _signals() -> object:
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else None
    return blocked, [signal.getsignal(number) for number in signal.valid_signals()]


def _file(number: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _patched(packages: Iterable[_Defined]) -> Iterator[tuple[str, _Read]]:
    for module in _MODULES:
        yield module.__name__, vars(module).copy
    for owner, thing in packages:
        yield owner, vars(thing).copy
        yield owner, partial(_hints_and_bases, thing)
        for name, value in list(vars(thing).items()):
            if _has_attributes(value) and not name.startswith("__"):
                yield f"{owner}.{name}", vars(value).copy


def _hints_and_bases(thing: ModuleType | type) -> dict[str, object]:
    hints = vars(thing).get("__annotations__", {})  # made by Python for who asks, where there are none
    known = {name: getattr(thing, name) for name in _OF_CLASSES} if isinstance(thing, type) else {}
    return {**known, **(hints if isinstance(hints, dict) else {"hints": hints})}


def _has_attributes(value: object) -> bool:
    cls = type(value)
    return cls.__dictoffset__ != 0 and not issubclass(cls, _LOOKED_INTO)


def _functions(defined: Iterable[_Defined]) -> Iterator[FunctionType]:
    return functions_in(value for _, thing in defined for value in list(vars(thing).values()))


def _defined_in(packages: Collection[str]) -> Iterator[_Defined]:
    """Yield the modules of packages, and the classes defined in them that can be patched."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] not in packages or module is config or type(module) is not ModuleType:
            continue
        yield name, module
        for defined in list(vars(module).values()):
            if isinstance(defined, type) and defined.__module__ == name and not defined.__flags__ & _IMMUTABLE_TYPE:
                yield f"{name}.{defined.__qualname__}", defined


def _tables(packages: Iterable[_Defined], functions: Iterable[FunctionType]) -> Iterator[tuple[str, _Table]]:
    """Yield the mutable values of modules, classes and defaults, and the tables nested in them."""
    for owner, thing in packages:
        for name, value in list(vars(thing).items()):
            if not name.startswith("_"):
                yield from _tables_in(f"{owner}.{name}", value)
    for function in functions:
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            yield from _tables_in(f"{function.__module__}.{function.__qualname__}", default)


def _tables_in(owner: str, value: object) -> Iterator[tuple[str, _Table]]:
    if isinstance(value, dict):
        yield owner, value
        for key, inner in list(value.items()):
            yield from _tables_in(f"{owner}.{key}", inner)
    elif isinstance(value, list | set):
        yield owner, value


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def _changed(names: Mapping[Any, object], before: Mapping[Any, object]) -> Iterator[Any]:
    """Yield the names whose values are other objects now; by identity, so that no `__eq__` is called."""
    if len(names) == len(before) and all(map(is_, names.values(), before.values())):
        return
    for name in {**before, **names}:
        now = names.get(name, _ABSENT)
        # A module that was imported since is a new attribute of its package.
        if now is not before.get(name, _ABSENT) and name not in _NOTED and type(now) is not ModuleType:
            yield name
