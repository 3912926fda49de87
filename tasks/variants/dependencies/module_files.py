"""Where modules come from, found out without importing any."""

import os
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, version
from importlib.util import spec_from_file_location
from pathlib import Path

from tasks.variants.dependencies.callers import is_installed, is_own


def find_module(name: str, *, among_loaded: bool = True) -> ModuleSpec | None:
    """Find a module as an import would.

    Args:
        name: Its full name.
        among_loaded: Take one that was imported as it was then; else look where an import in a new process would.

    Returns:
        What is known of it, None where there is none.
    """
    if among_loaded and (loaded := sys.modules.get(name)) is not None:
        found: ModuleSpec | None = getattr(loaded, "__spec__", None)
        file = getattr(loaded, "__file__", None)  # all that is known of a script
        return found or (spec_from_file_location(name, file) if file else None)
    if "/" in name or os.sep in name:
        return None  # a path, by which a strategy has loaded a file
    parent, _, _ = name.rpartition(".")
    folders: list[str] | None = None
    if parent:
        package = find_module(parent, among_loaded=among_loaded)
        if package is None or package.submodule_search_locations is None:
            return None
        folders = list(package.submodule_search_locations)
    for finder in sys.meta_path:
        if spec := finder.find_spec(name, folders):
            return spec
    return None


def file_of(spec: ModuleSpec) -> str | None:
    """Return which file a module is made from.

    Args:
        spec: The module.

    Returns:
        Its file, or the zip archive that it is in; None for one that is built in, and for a folder without a file.
    """
    if archive := getattr(spec.loader, "archive", None):
        return str(Path(archive).absolute())
    return spec.origin if spec.has_location else None


def is_own_module(name: str, spec: ModuleSpec) -> bool:
    """Return whether a module is a user's own.

    Args:
        name: Its full name.
        spec: As it was found.

    Returns:
        True also for what lies among what is installed and belongs to no distribution.
    """
    return any(is_own(place) or (is_installed(place) and not distributions_of(name)) for place in _places(spec))


def is_installed_module(spec: ModuleSpec) -> bool:
    """Return whether a module is installed.

    Args:
        spec: As it was found.

    Returns:
        False for a user's own and for Python's.
    """
    return any(map(is_installed, _places(spec)))


def _places(spec: ModuleSpec) -> list[str]:
    path = file_of(spec)
    return [path] if path else list(spec.submodule_search_locations or ())


def distributions_of(name: str) -> dict[str, str]:
    """Return which distributions a module is of.

    Args:
        name: Its full name.

    Returns:
        Names and versions; several where they share a package.
    """
    return _distributions_of(name.partition(".")[0])


@cache
def version_of(name: str) -> str | None:
    """Return which version of a distribution is installed; this process goes on with what it found first.

    Returns:
        The version, None where there is none.
    """
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _distributions_of(package: str) -> dict[str, str]:
    # Most are called as they are imported, and to look through all takes a fifth of a second.
    try:
        found = distribution(package)
        if any(Path(str(found.locate_file(f"{package}{end}"))).is_file() for end in ("/__init__.py", ".py")):
            return {package: found.version}
    except PackageNotFoundError:
        pass
    return {name: version(name) for name in _all_distributions().get(package, ())}


_all_distributions = cache(packages_distributions)
