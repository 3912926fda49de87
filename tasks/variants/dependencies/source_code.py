"""What a module's source says: its digest, which comments and layout do not change, and what it imports."""

import ast
import hashlib
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import SOURCE_SUFFIXES
from importlib.util import resolve_name
from typing import NamedTuple

_DIGITS = 16

# Names of functions that import what they are given.
_IMPORTERS = {"import_module", "__import__"}

# Python's switch for warnings is one for all threads.
_parsing = threading.Lock()


class Import(NamedTuple):
    """One import as it is written.

    Attributes:
        level: How many dots stand before the name.
        module: The name; empty in `from . import x`.
        names: What is taken from it, which may be modules in their turn.
    """

    level: int
    module: str
    names: tuple[str, ...] = ()

    def modules(self, package: str) -> Iterator[tuple[str, bool]]:
        """Yield the modules that it names.

        Args:
            package: That of the module it stands in.

        Yields:
            A full name, and whether it has to be a module's: what is taken from a module need not be one.
        """
        try:
            module = resolve_name("." * self.level + self.module, package)
        except ImportError:  # more dots than there are packages
            return
        yield module, True
        for name in self.names:
            yield f"{module}.{name}", False


def is_source(path: str) -> bool:
    """Return whether a file is a module's source.

    Args:
        path: The file.

    Returns:
        True where its name ends as source does.
    """
    return path.endswith(tuple(SOURCE_SUFFIXES))


def content_digest(path: str, content: bytes) -> str:
    """Digest what a module was made from.

    Args:
        path: Its file, whose ending tells whether it is source.
        content: The file's.

    Returns:
        Sixteen hexadecimal digits: of the syntax tree, or of the bytes of what is no Python.
    """
    return _code_digest(content) if is_source(path) else _bytes_digest(content)


@lru_cache(maxsize=1024)
def imports_of(source: bytes) -> tuple[Import, ...]:
    """Find all imports, also those within functions, and modules that are imported by a name written out.

    Args:
        source: Of a module.

    Returns:
        The imports; none where the source is no Python.
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
        warnings.simplefilter("ignore")  # about this source Python warns where it is imported
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


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
