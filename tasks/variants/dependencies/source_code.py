"""Digest a module's source, ignoring comments and layout, and find its imports."""

import ast
import hashlib
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SOURCE_SUFFIXES
from importlib.util import resolve_name
from typing import NamedTuple

from tenacity import retry, retry_if_exception_type, stop_after_attempt

_DIGITS = 16

# Functions that import a module by name.
_IMPORTERS = {"import_module", "__import__"}

# Warning filters are shared by all threads.
_parsing = threading.Lock()


class Import(NamedTuple):
    """An import statement.

    Attributes:
        level: Number of leading dots.
        module: The name; empty in `from . import x`.
        names: The names imported from it, which may be modules themselves.
    """

    level: int
    module: str
    names: tuple[str, ...] = ()

    def modules(self, package: str) -> Iterator[tuple[str, bool]]:
        """Yield the modules that it names.

        Args:
            package: The importing module's.

        Yields:
            A full name, and whether it must be a module's: a name imported from a module need not be.
        """
        try:
            module = resolve_name("." * self.level + self.module, package)
        except ImportError:  # more dots than there are packages
            return
        yield module, True
        for name in self.names:
            yield f"{module}.{name}", False


def is_source(path: str) -> bool:
    """Return whether a file is a module's source, by its extension."""
    return path.endswith(tuple(SOURCE_SUFFIXES))


def content_digest(path: str, content: bytes) -> str:
    """Digest the content of a module's file.

    Returns:
        Sixteen hexadecimal digits: of the syntax tree, or of the bytes if it cannot be parsed as Python.
    """
    return _code_digest(content) if is_source(path) else _bytes_digest(content)


@lru_cache(maxsize=1024)
def imports_of(source: bytes) -> tuple[Import, ...]:
    """Find a source's imports, including those in functions and calls like `import_module("name")`.

    Returns:
        The imports; none if the source cannot be parsed.
    """
    tree = _parse(source)
    return tuple(_imports(tree)) if tree else ()


@lru_cache(maxsize=1024)
def _code_digest(source: bytes) -> str:
    tree = _parse(source)
    try:
        return _bytes_digest(ast.dump(tree).encode(errors="surrogatepass") if tree else source)
    except RecursionError:
        return _bytes_digest(source)


def _bytes_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _parse(source: bytes) -> ast.Module | None:
    with _parsing, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about this source when it imports it
        try:
            return _parse_alone(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


# Python 3.11 counts the depth of all threads' parsing together, and raises this if another thread, such as one of
# Prefect's, parses meanwhile (python/cpython#106905).
@retry(retry=retry_if_exception_type(SystemError), stop=stop_after_attempt(20), reraise=True)
def _parse_alone(source: bytes) -> ast.Module:
    return ast.parse(source)


def _imports(tree: ast.Module) -> Iterator[Import]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(0, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                yield Import(level, module or "", tuple(alias.name for alias in names if alias.name != "*"))
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]
            ) if called in _IMPORTERS:
                module = name.lstrip(".")
                yield Import(len(name) - len(module), module)
