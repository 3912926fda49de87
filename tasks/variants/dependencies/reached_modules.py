"""Find the modules and distributions that a strategy's code reaches through imports."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tasks.variants.dependencies.callers import is_engine
from tasks.variants.dependencies.module_files import distributions_of, find_module, is_installed_module, is_own_module
from tasks.variants.dependencies.own_modules import OwnModule, own_module, wanted_by

# Importing one of this project's strategies executes this package, which only lists them; none depends on the list.
_LIST_OF_STRATEGIES = "strategies"

# A module's name, and whether the module must exist.
_Link = tuple[str, bool]


class Reached(NamedTuple):
    """Modules and distributions that were reached.

    Attributes:
        modules: Own modules by name, or by path if loaded by path; None if missing, as an optional import may be.
        distributions: Versions, by name, of the distributions that own modules import.
    """

    modules: dict[str, OwnModule | None]
    distributions: dict[str, str]


def reach(names: Iterable[str], links: Callable[[OwnModule], Iterable[_Link]]) -> Reached:
    """Follow the imports of own modules, transitively; not into this project's engine or installed packages.

    Args:
        names: The modules to start from.
        links: Yields what a module needs: `as_named` or `as_seen`.
    """
    reached = Reached({}, {})
    waiting = [(name, True) for name in names]
    known: set[_Link] = set()
    while waiting:
        link = waiting.pop()
        if link in known or is_engine(link[0]):
            continue
        known.add(link)
        name, is_needed = _of_whole(link[0]), link[1]
        if (module := own_module(name)) is not None:
            reached.modules[name] = module
            waiting.extend(links(module))
            if name == module.name:
                waiting.extend((package, True) for package in _packages_around(name))
        elif is_needed:
            spec = find_module(name)
            if spec is None:
                reached.modules[name] = None
            elif is_installed_module(spec):
                reached.distributions.update(distributions_of(name))
    return reached


def as_named(module: OwnModule) -> Iterator[_Link]:
    """Yield the imports in a module's source, executed or not.

    Yields:
        Names of modules, and whether they must exist.
    """
    for imported in module.imports:
        yield from imported.modules(module.package)


def as_seen(module: OwnModule) -> Iterator[_Link]:
    """Yield the imports in a module's source, and the modules that it was seen to import or to have in its globals.

    Yields:
        Names of modules, and whether they must exist.
    """
    yield from as_named(module)
    for name in (*module.held, *wanted_by(module.name)):
        yield name, False


def _packages_around(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        if name != _LIST_OF_STRATEGIES:
            yield name


def _of_whole(name: str) -> str:
    """Return the top-level package instead of the module, unless it is own."""
    package = name.partition(".")[0]
    spec = find_module(package)
    return name if spec is None or is_own_module(package, spec) else package
