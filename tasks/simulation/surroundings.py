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
from collections.abc import Collection, Iterator, Mapping
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from flumine import config

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment]

# Modules whose functions strategies patch, and packages whose classes and tables are all compared too.
_MODULES = (builtins, dt, json, math, random, time)
_PACKAGES = ("flumine", "betfairlightweight")

# State that Python's other modules keep for themselves is private, or neither a function nor a class.
_PYTHONS = sys.stdlib_module_names - {module.__name__ for module in _MODULES}

# What Python itself stores lazily on a class or a module.
_NOTED = frozenset({"__slotnames__", "__annotations__", "__abstractmethods__", "__warningregistry__", "_abc_impl"})
_ABSENT = object()

_IMMUTABLE_TYPE = 1 << 8  # CPython's Py_TPFLAGS_IMMUTABLETYPE

_Table = dict[Any, object] | list[object] | set[object]

_STANDARD_FILES = (0, 1, 2)
_PRIVATE = 0o077


def surroundings() -> tuple[object, ...]:
    """Return for comparison what strategies change most: environment, folders, locale, arithmetic."""
    place, arithmetic = locale.setlocale(locale.LC_ALL), repr(decimal.getcontext())
    return dict(os.environ), Path.cwd(), [*sys.path], place, arithmetic, np.geterr()


class Surroundings:
    """All shared state at one moment."""

    def __init__(self) -> None:
        self._states = _states()
        self._names = [(owner, names, dict(names)) for owner, names in _patched()]
        self._pythons = [(owner, names, dict(names)) for owner, names in _of_python()]
        self._held = [(owner, held, [*held]) for owner, held in _tables() if not isinstance(held, dict)]

    def changes(self) -> tuple[str, ...]:
        """Compare with the present; return what has changed, in words."""
        now = _states()
        return (
            *(what for what, state in self._states.items() if now[what] != state),
            *(f"{owner}.{name}" for owner, names, before in self._names for name in _changed(names, before)),
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
        )


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
        "logging": (logging.root.manager.disable, logging.root.level, *map(id, logging.root.handlers)),
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


def _patched() -> Iterator[tuple[str, Mapping[Any, object]]]:
    for module in _MODULES:
        yield module.__name__, vars(module)
    yield from _defined_in(_PACKAGES)
    yield from ((owner, table) for owner, table in _tables() if isinstance(table, dict))


def _of_python() -> Iterator[tuple[str, Mapping[str, object]]]:
    yield from _defined_in(_PYTHONS)


def _defined_in(packages: Collection[str]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the modules of packages, and the classes defined in them that can be patched."""
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] not in packages or module is config or type(module) is not ModuleType:
            continue
        yield name, vars(module)
        for defined in list(vars(module).values()):
            if isinstance(defined, type) and defined.__module__ == name and not defined.__flags__ & _IMMUTABLE_TYPE:
                yield f"{name}.{defined.__qualname__}", vars(defined)


def _tables() -> Iterator[tuple[str, _Table]]:
    """Yield the mutable values of packages' modules and classes, and the tables nested in them."""
    for owner, names in _defined_in(_PACKAGES):
        for name, value in list(names.items()):
            if not name.startswith("_"):
                yield from _tables_in(f"{owner}.{name}", value)


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
