"""Find where modules come from, without importing any."""

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
        among_loaded: Whether to use an imported module's spec; else search as an import in a new process would.

    Returns:
        Its spec; None if there is none.
    """
    if among_loaded and (loaded := sys.modules.get(name)) is not None:
        found: ModuleSpec | None = getattr(loaded, "__spec__", None)
        file = getattr(loaded, "__file__", None)  # a script has nothing else
        return found or (spec_from_file_location(name, file) if file else None)
    if "/" in name or os.sep in name:
        return None  # the path of a file that a strategy loaded
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
    """Return a module's file, or its zip archive; None if it is built in, or a folder without a file."""
    if archive := getattr(spec.loader, "archive", None):
        return str(Path(archive).absolute())
    return spec.origin if spec.has_location else None


def is_own_module(name: str, spec: ModuleSpec) -> bool:
    """Return whether a module is a user's own, also if in `site-packages` without belonging to a distribution."""
    return any(is_own(place) or (is_installed(place) and not distributions_of(name)) for place in _places(spec))


def is_installed_module(spec: ModuleSpec) -> bool:
    """Return whether a module is installed; not so a user's own and Python's."""
    return any(map(is_installed, _places(spec)))


def _places(spec: ModuleSpec) -> list[str]:
    path = file_of(spec)
    return [path] if path else list(spec.submodule_search_locations or ())


def distributions_of(name: str) -> dict[str, str]:
    """Return the versions of a module's distributions, by name; several if they share a package."""
    return _distributions_of(name.partition(".")[0])


@cache
def version_of(name: str) -> str | None:
    """Return a distribution's installed version, None if there is none; cached for the process."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@cache
def _distributions_of(package: str) -> dict[str, str]:
    # Most have the name of their package, and searching all takes a fifth of a second.
    try:
        found = distribution(package)
        if any(Path(str(found.locate_file(f"{package}{end}"))).is_file() for end in ("/__init__.py", ".py")):
            return {package: found.version}
    except PackageNotFoundError:
        pass
    return {name: version(name) for name in _all_distributions().get(package, ())}


_all_distributions = cache(packages_distributions)
