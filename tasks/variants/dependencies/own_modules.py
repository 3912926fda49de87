"""The user's own modules: always compiled from source, and identified by the source that was executed.

Python checks cached bytecode by the source's time and size, so it misses an edit of the same length within a second.
And a source may change after it was executed: what matters is what a strategy ran, not what the file contains now.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from tasks.variants.dependencies.callers import callers, is_engine, is_own
from tasks.variants.dependencies.digests import module_digest
from tasks.variants.dependencies.module_files import file_of, find_module, is_own_module
from tasks.variants.dependencies.opened_files import recorder
from tasks.variants.dependencies.source_code import Import, content_digest, imports_of
from tasks.variants.running import running


class _Executed(NamedTuple):
    name: str
    source: bytes


_executed: dict[str, _Executed] = {}  # by path

_wanted_by: dict[str, set[str]] = {}  # paths of executed files, by the module or variant that imported them

_path_stats, _source_to_code = SourceFileLoader.path_stats, SourceFileLoader.source_to_code


def record_own_modules() -> None:
    """From now on compile own modules from source and remember it; a second call does nothing.

    It patches Python's own loader, where all ways of importing meet: folders on the path, editable installations, and
    files that a strategy loads by their path.
    """
    SourceFileLoader.path_stats = _own_path_stats  # type: ignore[method-assign]
    SourceFileLoader.source_to_code = _own_source_to_code  # type: ignore[method-assign, assignment]


def forget_changed_modules() -> None:
    """Drop all own modules from `sys.modules` if the source of any has changed since it was executed.

    All, because modules that imported the changed one hold its old objects. This project's own strategies stay.
    """
    if all(module_digest(path) == content_digest(path, executed.source) for path, executed in _executed.items()):
        return
    for path, executed in tuple(_executed.items()):
        if executed.name.partition(".")[0] != "strategies":
            sys.modules.pop(executed.name, None)
            del _executed[path]


def _own_path_stats(self: SourceFileLoader, path: str) -> Mapping[str, Any]:
    if _is_recorded(self.name, path):
        raise OSError  # tells importlib that there is no mtime, so bytecode is neither read nor written
    return _path_stats(self, path)


def _own_source_to_code(self: SourceFileLoader, data: Any, path: Any, **named: Any) -> CodeType:  # noqa: ANN401 - Python's own arguments
    if isinstance(data, bytes) and _is_recorded(self.name, path):
        _remember(path, _Executed(self.name, data))
    return _source_to_code(self, data, path, **named)


def _is_recorded(name: str, path: str) -> bool:
    return is_own(path) and not is_engine(name)


def _remember(path: str, executed: _Executed) -> None:
    if path in _executed:  # executed again: its former imports and openings no longer count
        _wanted_by.pop(executed.name, None)
        recorder.forget(executed.name)
    _executed[path] = executed
    for name in {*callers(sys._getframe(2)).modules, running.variant}:  # noqa: SLF001 - no public function returns the caller
        _wanted_by.setdefault(name, set()).add(path)


class OwnModule(NamedTuple):
    """One of the user's own modules.

    Attributes:
        name: Its full name.
        path: Its file: source, an extension module or its zip archive.
        package: The base of its relative imports.
        source: As executed, or else as it is now; empty if unreadable.
        digest: Of its source, or of its file if it has none; None if the file is gone.
    """

    name: str
    path: str
    package: str
    source: bytes
    digest: str | None

    @property
    def imports(self) -> tuple[Import, ...]:
        """The imports in its source."""
        return imports_of(self.source)

    @property
    def held(self) -> Iterator[str]:
        """Names of the modules that its globals are or are defined in, if it was imported."""
        for value in list(getattr(sys.modules.get(self.name), "__dict__", {}).values()):
            if isinstance(value, ModuleType):
                yield value.__name__
            else:
                origin = value if isinstance(value, type | FunctionType) else type(value)
                yield str(origin.__module__)


def own_module(name: str) -> OwnModule | None:
    """Find one of the user's own modules.

    Args:
        name: Its full name, or the path that it was loaded by.

    Returns:
        The module; None if it is not the user's own, or is a folder without a file.
    """
    spec = _spec_of_executed(name) if name in _executed else find_module(name)
    path = spec and file_of(spec)
    if not (spec and path and is_own_module(name, spec)):
        return None
    is_package = spec.submodule_search_locations is not None
    package = spec.name if is_package else spec.name.rpartition(".")[0]
    if path in _executed:
        source = _executed[path].source
        return OwnModule(spec.name, path, package, source, content_digest(path, source))
    return OwnModule(spec.name, path, package, _source_now(spec), module_digest(path))


def wanted_by(name: str) -> Iterator[str]:
    """Yield the modules that a module or variant caused to be executed, however it imported them.

    Args:
        name: A module's name, or a variant's id.

    Yields:
        Their names; the path of one that is not found by its name.
    """
    for path in sorted(_wanted_by.get(name, ())):
        found = find_module(_executed[path].name)
        yield found.name if found and file_of(found) == path else path


def executed_from(path: str) -> Iterator[str]:
    """Yield the name of the module executed from a file, by absolute path, if there is one."""
    if path in _executed:
        yield _executed[path].name


def executed_files() -> list[str]:
    """Return the absolute paths of all own modules that were executed, or were to be and could not be compiled."""
    return list(_executed)


def _spec_of_executed(path: str) -> ModuleSpec | None:
    name = _executed[path].name
    return spec_from_file_location(name, path, loader=SourceFileLoader(name, path))


def _source_now(spec: ModuleSpec) -> bytes:
    read = getattr(spec.loader, "get_source", None)
    try:
        return (read(spec.name) or "").encode() if read else b""
    except (ImportError, SyntaxError, ValueError):
        return b""
