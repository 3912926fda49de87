"""The user's own modules: executed from the source that was read, and known by what was executed.

Python keeps compiled modules by their source's time and size, so an edit of the same length within a second is not seen
by it. And a source may change after it was executed: what matters is what a strategy ran, not what lies there now.
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

_wanted_by: dict[str, set[str]] = {}  # paths of what was executed, by the module or the variant that wanted it

_path_stats, _source_to_code = SourceFileLoader.path_stats, SourceFileLoader.source_to_code


def record_own_modules() -> None:
    """Have own modules compiled from source from now on, and remember what was; a second call does nothing.

    It changes Python's own loader, because that is where all ways of importing meet: folders on the path, editable
    installations, and files that a strategy loads by their path.
    """
    SourceFileLoader.path_stats = _own_path_stats  # type: ignore[method-assign]
    SourceFileLoader.source_to_code = _own_source_to_code  # type: ignore[method-assign, assignment]


def forget_changed_modules() -> None:
    """Have own modules imported anew where the source of one is no longer what was executed.

    All are, because whoever imported that one holds what it was. This project's own strategies stay.
    """
    if all(module_digest(path) == content_digest(path, executed.source) for path, executed in _executed.items()):
        return
    for path, executed in tuple(_executed.items()):
        if executed.name.partition(".")[0] != "strategies":
            sys.modules.pop(executed.name, None)
            del _executed[path]


def _own_path_stats(self: SourceFileLoader, path: str) -> Mapping[str, Any]:
    if _is_recorded(self.name, path):
        raise OSError  # the way in which a loader says that it knows no time, so that no bytecode is read or kept
    return _path_stats(self, path)


def _own_source_to_code(self: SourceFileLoader, data: Any, path: Any, **named: Any) -> CodeType:  # noqa: ANN401 - Python's own arguments
    if isinstance(data, bytes) and _is_recorded(self.name, path):
        _remember(path, _Executed(self.name, data))
    return _source_to_code(self, data, path, **named)


def _is_recorded(name: str, path: str) -> bool:
    return is_own(path) and not is_engine(name)


def _remember(path: str, executed: _Executed) -> None:
    if path in _executed:  # it is executed once more, and what it did before is no more
        _wanted_by.pop(executed.name, None)
        recorder.forget(executed.name)
    _executed[path] = executed
    for name in {*callers(sys._getframe(2)).modules, running.variant}:  # noqa: SLF001 - nothing public tells who calls
        _wanted_by.setdefault(name, set()).add(path)


class OwnModule(NamedTuple):
    """One of the user's own modules.

    Attributes:
        name: Its full name.
        path: Its file: source, an extension module or the zip archive that it is in.
        package: What its relative imports are relative to.
        source: As it was executed, or else as it is now; empty where there is none to read.
        digest: Of its source or, where that has none, of its file; None where that is gone.
    """

    name: str
    path: str
    package: str
    source: bytes
    digest: str | None

    @property
    def imports(self) -> tuple[Import, ...]:
        """What its source imports."""
        return imports_of(self.source)

    @property
    def held(self) -> Iterator[str]:
        """Names of the modules that its globals are or come from, if it was imported."""
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
        The module; None where it is not one's own, or a folder without a file.
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
    """Yield which modules were executed because somebody wanted them, by whatever name or way.

    Args:
        name: Of a module, or a variant's id.

    Yields:
        Their names; the path of one that is not found by its name.
    """
    for path in sorted(_wanted_by.get(name, ())):
        found = find_module(_executed[path].name)
        yield found.name if found and file_of(found) == path else path


def executed_from(path: str) -> Iterator[str]:
    """Yield the name of the module that was executed from a file, if one was.

    Args:
        path: Absolute.
    """
    if path in _executed:
        yield _executed[path].name


def _spec_of_executed(path: str) -> ModuleSpec | None:
    name = _executed[path].name
    return spec_from_file_location(name, path, loader=SourceFileLoader(name, path))


def _source_now(spec: ModuleSpec) -> bytes:
    read = getattr(spec.loader, "get_source", None)
    try:
        return (read(spec.name) or "").encode() if read else b""
    except (ImportError, SyntaxError, ValueError):
        return b""
