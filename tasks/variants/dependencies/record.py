"""What a strategy's orders depend on besides its parameters and markets, and whether any of it has changed."""

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
"""Replaces the project's folder in noted paths of this project's strategies."""


class Module(NamedTuple):
    """One of the user's own modules, as it was executed.

    Attributes:
        path: Its file, relative to the working directory if below it; for this project's strategies the same in every
            working directory.
        digest: Of its source without comments and layout, or of the file if it has none.
        ways: Paths that must all lead to it if no import finds it: a strategy may load it by a path that is written out
            or made as it runs.
    """

    path: str
    digest: str | None
    ways: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dependencies:
    """What a strategy used.

    Attributes:
        modules: Own modules that its source names, by name; None if there was no such module.
        imported: Other own modules that it was seen to import, by name, or by path if loaded by path.
        distributions: Versions, by name, of the installed distributions that its modules import, except flumine and
            betfairlightweight, which are in every fingerprint.
        files: Digests of files it read, by path, absolute or relative to the working directory; None if there was no
            file.
        folders: Digests of the names in folders it listed, by path; None if there was no folder.
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
        """Return the union of both; whatever differs between them counts as changed from then on."""
        changed = Module("", CHANGED)
        return Dependencies(
            _merged(self.modules, other.modules, changed),
            _merged(self.imported, other.imported, changed),
            _merged(self.distributions, other.distributions, CHANGED),
            _merged(self.files, other.files, CHANGED),
            _merged(self.folders, other.folders, CHANGED),
        )

    def to_json(self) -> str:
        """Return JSON, the same for equal dependencies."""
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Dependencies":
        """Read what `to_json` wrote."""
        read = json.loads(text)
        for modules in (read["modules"], read["imported"]):
            for name, (path, digest, ways) in ((name, module) for name, module in modules.items() if module):
                modules[name] = Module(path, digest, tuple(ways))
        return cls(**read)


def record_dependencies() -> None:
    """From now on record which own modules this process executes and what strategies open.

    Call it before the first strategy is imported; a second call does nothing.
    """
    record_own_modules()
    record_opened_files()


def dependencies_of(strategy: type[BaseStrategy], variant: str = "") -> Dependencies:
    """Return what a strategy uses, as far as this process has seen it.

    Args:
        strategy: Its class.
        variant: The id it ran under, to include what was opened and imported while it ran.

    Raises:
        StrategyError: Its `reads` is not a list of paths.
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
    """Return the first dependency that has changed, in words, or None; imports nothing."""
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
    """Compare with where an import finds the module now; if nowhere, the strategy may load it in its own way."""
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
    """Return a module's path as it is noted."""
    absolute = Path(path).absolute()
    # The UI runs in the project's folder, a user elsewhere, and both use one lake.
    if absolute.is_relative_to(_PROJECT / "strategies"):
        return f"{_OURS}/{absolute.relative_to(_PROJECT).as_posix()}"
    return short(path)


def _located(place: str) -> str:
    """Return the file of a path from `_place`."""
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
