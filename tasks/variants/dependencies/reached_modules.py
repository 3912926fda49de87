"""Which modules and distributions a strategy's code reaches, from one import to the next."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tasks.variants.dependencies.callers import is_engine
from tasks.variants.dependencies.module_files import distributions_of, find_module, is_installed_module, is_own_module
from tasks.variants.dependencies.own_modules import OwnModule, own_module, wanted_by

# It only lists this project's strategies, and importing one of them executes it: none depends on what else it lists.
_LIST_OF_STRATEGIES = "strategies"

# A module's name, and whether there has to be such a module.
_Link = tuple[str, bool]


class Reached(NamedTuple):
    """What was reached.

    Attributes:
        modules: Own modules by name, by path where they were loaded by that; None where a module that is imported is
            missing, as one may be that a strategy can do without.
        distributions: Names and versions of what own modules import of others.
    """

    modules: dict[str, OwnModule | None]
    distributions: dict[str, str]


def reach(names: Iterable[str], links: Callable[[OwnModule], Iterable[_Link]]) -> Reached:
    """Follow own modules to those that they need, and on; neither this project's engine nor what is installed.

    Args:
        names: Of modules to begin with.
        links: What a module needs: `as_named` or `as_seen`.

    Returns:
        All that was reached.
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
    """Yield what a module's source names, whatever happens when it is executed.

    Yields:
        Names of modules, and whether they have to be there.
    """
    for imported in module.imports:
        yield from imported.modules(module.package)


def as_seen(module: OwnModule) -> Iterator[_Link]:
    """Yield what a module's source names, and what it was seen to import or to hold in its globals.

    Yields:
        Names of modules, and whether they have to be there.
    """
    yield from as_named(module)
    for name in (*module.held, *wanted_by(module.name)):
        yield name, False


def _packages_around(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        if name != _LIST_OF_STRATEGIES:
            yield name


def _of_whole(name: str) -> str:
    """Return the package in place of its part, where none of it is own."""
    package = name.partition(".")[0]
    spec = find_module(package)
    return name if spec is None or is_own_module(package, spec) else package
