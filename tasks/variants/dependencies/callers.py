"""Find whose code is running: a user's own modules, this project's, or an installed package's."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import NamedTuple

# Their behaviour is identified by the stages' versions, not by their source.
_ENGINE = ("tasks", "flows")

_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Callers(NamedTuple):
    """The user's own code that led to a call, up to the engine's module that called it.

    Attributes:
        modules: Names of the modules whose functions, or bodies, are being executed.
        bodies: Those of them that are being imported.
        engine: Name of the engine's module; empty in a thread that a strategy started.
    """

    modules: frozenset[str]
    bodies: frozenset[str]
    engine: str


def callers(frame: FrameType | None) -> Callers:
    """Return who led to a call, from the frame that made it."""
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
    """Return, faster than `callers`, whether one of a user's own modules may be being imported.

    If False, `callers` would find no bodies.
    """
    while frame is not None:
        if _is_body(frame) and is_own(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _is_body(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"


def is_engine(name: str) -> bool:
    """Return whether a module, by full name, is in `tasks` or `flows`."""
    return name.partition(".")[0] in _ENGINE


@lru_cache(maxsize=4096)
def is_own(path: str) -> bool:
    """Return whether a module's file is a user's own; so is one of an editable installation.

    False for Python's own, for installed files, and for a path that is not absolute.
    """
    return Path(path).is_absolute() and not is_installed(path) and not is_pythons(path)


@lru_cache(maxsize=4096)
def is_installed(path: str) -> bool:
    """Return whether a file is below any `site-packages` or `dist-packages`."""
    return not _INSTALLED.isdisjoint(Path(path).parts)


def is_pythons(path: str) -> bool:
    """Return whether a file, by absolute path, is in the standard library."""
    return path.startswith(_PYTHONS)


def _pythons_folders() -> Iterator[str]:
    archive = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    for folder in (Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")):
        yield f"{folder}{os.sep}"
        yield f"{folder.resolve()}{os.sep}"
        yield str(folder.with_name(archive))


_PYTHONS = tuple(_pythons_folders())
