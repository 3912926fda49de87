"""Whose code runs: a user's own modules, this project, or what is installed."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

# What is named here is decided by the versions of the stages, not by its source.
_ENGINE = ("tasks", "flows")

_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Callers(NamedTuple):
    """The user's own code that led to a call, from the engine on which called it.

    Attributes:
        modules: Names of the modules whose functions, or bodies, are being executed.
        bodies: Of these, the modules that are being imported.
        engine: Name of the engine's module; empty in a thread of a strategy's own, which the engine did not call.
    """

    modules: frozenset[str]
    bodies: frozenset[str]
    engine: str


def callers(frame: FrameType | None) -> Callers:
    """Look who led to a call.

    Args:
        frame: From where the call was made.

    Returns:
        The modules.
    """
    modules: set[str] = set()
    bodies: set[str] = set()
    while frame is not None:
        name = frame.f_globals.get("__name__")
        if isinstance(name, str):
            if is_engine(name):
                return Callers(frozenset(modules), frozenset(bodies), name)
            if is_own(frame.f_code.co_filename):
                modules.add(name)
                if _is_body(frame):
                    bodies.add(name)
        frame = frame.f_back
    return Callers(frozenset(modules), frozenset(bodies), "")


def is_importing(frame: FrameType | None) -> bool:
    """Return, sooner than `callers`, whether any of a user's own modules may be being imported.

    Args:
        frame: From where the call was made.

    Returns:
        False where `callers` would find no bodies.
    """
    while frame is not None:
        if _is_body(frame) and is_own(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _is_body(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"


def is_engine(name: str) -> bool:
    """Return whether a module is of what runs the strategies.

    Args:
        name: Its full name.

    Returns:
        True for all of `tasks` and `flows`.
    """
    return name.partition(".")[0] in _ENGINE


@lru_cache(maxsize=4096)
def is_own(path: str) -> bool:
    """Return whether a module is a user's own.

    Args:
        path: Of its file.

    Returns:
        False for Python's own, for what is installed, and for what is no absolute path. What is installed as editable
        counts as own.
    """
    return Path(path).is_absolute() and not is_installed(path) and not is_pythons(path)


@lru_cache(maxsize=4096)
def is_installed(path: str) -> bool:
    """Return whether a file came with an installed distribution.

    Args:
        path: Absolute.

    Returns:
        True below any `site-packages` or `dist-packages`.
    """
    return not _INSTALLED.isdisjoint(Path(path).parts)


def is_pythons(path: str) -> bool:
    """Return whether a file came with Python itself.

    Args:
        path: Absolute.

    Returns:
        True in the folders of the standard library.
    """
    return path.startswith(_PYTHONS)


def _pythons_folders() -> Iterator[str]:
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    for folder in (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")):
        yield f"{folder}{os.sep}"
        yield f"{folder.resolve()}{os.sep}"
        yield str(folder.with_name(archive))


_PYTHONS = tuple(_pythons_folders())
