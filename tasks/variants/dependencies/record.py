"""What a strategy's orders depend on beside its parameters and its markets, and whether all of it is as it was."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NamedTuple, TypeVar

from flumine import BaseStrategy

from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.variants.dependencies.audit_hook import record_opened_files
from tasks.variants.dependencies.digests import CHANGED, file_digest, folder_digest, module_digest, short, ways_to
from tasks.variants.dependencies.module_files import file_of, find_module, version_of
from tasks.variants.dependencies.opened_files import Opened, declared, recorder
from tasks.variants.dependencies.own_modules import OwnModule, record_own_modules, wanted_by
from tasks.variants.dependencies.reached_modules import as_named, as_seen, reach

V = TypeVar("V")

_PROJECT = Path(__file__).resolve().parents[3]
_OURS = "<project>"
"""With what paths of this project's strategies begin in a note, in place of the project's folder."""


class Module(NamedTuple):
    """One of the user's own modules, as it was executed.

    Attributes:
        path: Its file, from the working directory on where it lies there; of this project's strategies the same from
            whichever folder a run is asked.
        digest: Of its source without comments and layout, of the file where it has none.
        ways: Paths that all have to lead to it where no import would find it now: a strategy may have a way of its own,
            by a path that is written out or made as it runs.
    """

    path: str
    digest: str | None
    ways: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dependencies:
    """What a strategy used.

    Attributes:
        modules: Own modules that its source names, by name; None where there was none of that name.
        imported: Other own modules that it was seen to import, by name, or by path where they were loaded by that.
        distributions: Installed distributions that its modules import, and their versions; flumine and
            betfairlightweight are in every fingerprint anyway.
        files: Paths of files it read, absolute or from the working directory on, and digests of their content; None
            where there was no file.
        folders: Folders it listed and digests of the names in them; None where there was no folder.
    """

    modules: Mapping[str, Module | None] = field(default_factory=dict)
    imported: Mapping[str, Module | None] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    folders: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Digest of the modules that its source names: known before a replay, and the same in every process."""
        named = {name: module.digest for name, module in self.modules.items() if module}
        return fingerprint("modules", version=1, modules=named)

    def merged(self, other: "Dependencies") -> "Dependencies":
        """Put together what was used by two parts of one whole.

        Args:
            other: Of the other part.

        Returns:
            All of both; what is not the same in both is never again taken to be as it was.
        """
        changed = Module("", CHANGED)
        return Dependencies(
            _merged(self.modules, other.modules, changed),
            _merged(self.imported, other.imported, changed),
            _merged(self.distributions, other.distributions, CHANGED),
            _merged(self.files, other.files, CHANGED),
            _merged(self.folders, other.folders, CHANGED),
        )

    def to_json(self) -> str:
        """Write it down; equal ones are written equally.

        Returns:
            JSON.
        """
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Dependencies":
        """Read what `to_json` wrote.

        Args:
            text: JSON.

        Returns:
            What was written.
        """
        read = json.loads(text)
        for modules in (read["modules"], read["imported"]):
            for name, (path, digest, ways) in ((name, module) for name, module in modules.items() if module):
                modules[name] = Module(path, digest, tuple(ways))
        return cls(**read)


def record_dependencies() -> None:
    """Have this process remember, from now on, which own modules it executes and what strategies open.

    It belongs before the first strategy is imported; a second call does nothing.
    """
    record_own_modules()
    record_opened_files()


def dependencies_of(strategy: type[BaseStrategy], variant: str = "") -> Dependencies:
    """Return what a strategy uses, as far as this process has seen it.

    Args:
        strategy: Its class.
        variant: The id under which it ran; what that opened and imported while it ran is in it too.

    Returns:
        All that its orders depend on.

    Raises:
        StrategyError: It declares what it reads, and wrongly.
    """
    classes = [base.__module__ for base in strategy.__mro__]
    named = reach(classes, as_named)
    seen = reach([*classes, *(wanted_by(variant) if variant else ())], as_seen)
    openers = [variant, *(module.name for module in seen.modules.values() if module)]
    opened = _together(declared(getattr(strategy, "reads", [])), *map(recorder.opened_by, openers))
    modules = _noted(seen.modules)
    return Dependencies(
        modules={name: module for name, module in modules.items() if name in named.modules},
        imported={name: module for name, module in modules.items() if name not in named.modules},
        distributions={name: version for name, version in seen.distributions.items() if name not in ENGINE},
        files=opened.files,
        folders=opened.folders,
    )


def what_changed(dependencies: Dependencies) -> str | None:
    """Look whether all is as it was; nothing is imported.

    Args:
        dependencies: What was used.

    Returns:
        The first thing that is not, in words; None where all is.
    """
    return next(_changes(dependencies), None)


def _changes(dependencies: Dependencies) -> Iterator[str]:
    for name, was in dependencies.distributions.items():
        version = version_of(name)
        if version != was:
            yield f"{name} is {version or 'gone'}, was {was}"
    for name, module in {**dependencies.modules, **dependencies.imported}.items():
        spec = find_module(name, among_loaded=False)
        if module is not None:
            for path in (module.path or name, *(() if spec else module.ways)):
                yield from _compared(path, module.digest, module_digest(_located(path)))
        yield from _found_elsewhere(name, spec, module)
    for path, digest in dependencies.files.items():
        yield from _compared(path, digest, file_digest(path))
    for path, digest in dependencies.folders.items():
        yield from _compared(f"the list of files in {path}", digest, folder_digest(path))


def _compared(what: str, was: str | None, now: str | None) -> Iterator[str]:
    if was == CHANGED:
        yield f"{what} changed while it was used"
    elif was != now:
        yield f"{what} {'changed' if was and now else 'is there now' if now else 'is gone'}"


def _found_elsewhere(name: str, spec: ModuleSpec | None, module: Module | None) -> Iterator[str]:
    """Look where an import would find a module now; where it finds none, a strategy may know a way that we do not."""
    if spec is None:
        return
    path = file_of(spec)
    if module is None:
        yield f"{name} is there now"
    elif path and _place(path) != module.path:
        yield f"{name} is {_place(path)}, was {module.path}"


def _noted(modules: Mapping[str, OwnModule | None]) -> dict[str, Module | None]:
    return {
        _place(name) if module and name == module.path else name: module and _note(module)
        for name, module in modules.items()
    }


def _note(module: OwnModule) -> Module:
    place = _place(module.path)
    return Module(place, module.digest, () if place.startswith(_OURS) else tuple(ways_to(module.path)))


def _place(path: str) -> str:
    """Write where a module lies."""
    absolute = Path(path).absolute()
    # The UI runs in the project's folder, a person elsewhere, and both use one lake.
    if absolute.is_relative_to(_PROJECT / "strategies"):
        return f"{_OURS}/{absolute.relative_to(_PROJECT).as_posix()}"
    return short(path)


def _located(place: str) -> str:
    """Return which file `_place` wrote."""
    return str(_PROJECT / place.removeprefix(f"{_OURS}/")) if place.startswith(f"{_OURS}/") else place


def _together(*parts: Opened) -> Opened:
    whole = Opened()
    for part in parts:
        whole.files = _merged(whole.files, part.files, CHANGED)
        whole.folders = _merged(whole.folders, part.folders, CHANGED)
    return whole


def _merged(one: Mapping[str, V], other: Mapping[str, V], changed: V) -> dict[str, V]:
    both = {name: value if one.get(name, value) == value else changed for name, value in other.items()}
    return {**one, **both}
