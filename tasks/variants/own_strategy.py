"""Find a user's own strategies: by a file's path, or by a module's name from the folder of the command.

Folders are appended to `sys.path`, so that a user's file never shadows a module that this project or an installed
package needs. A user's file that is itself shadowed is an error.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.errors import StrategyError
from tasks.variants.dependencies.module_files import file_of, find_module
from tasks.variants.dependencies.own_modules import own_module

FOLDER = "BACKTEST_STRATEGIES_FOLDER"
"""Environment variable: the folder to find them from, if it is not the working directory."""

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<class_name>.*))?", re.DOTALL)


def import_path(name: str) -> str:
    """Return a strategy's import path, and append its folder to `sys.path`.

    Args:
        name: `path/to/my.py:MyStrategy` or `module:Class`.

    Returns:
        `module:Class`.

    Raises:
        StrategyError: There is no such file, its class is not named, or its name means another module.
    """
    folder = Path.cwd() / os.environ.get(FOLDER, "")
    match = _FILE.fullmatch(name)
    if match is None:
        _look_in(folder)
        first = name.partition(":")[0].partition(".")[0]
        for file in _files_of(folder, first):
            _check_is_found(name, first, file)
        return name
    file, class_name = folder / match["file"], match["class_name"]
    if not file.is_file():
        raise StrategyError(f"{name}: there is no file {match['file']}")
    if not class_name:
        raise StrategyError(f"{name}: name its class, {match['file']}:MyStrategy")
    if not file.stem.isidentifier():
        raise StrategyError(f"{name}: Python cannot import a file called {file.name}; rename it, to my_strategy.py say")
    _look_in(file.parent)
    _check_is_found(name, file.stem, file)
    return f"{file.stem}:{class_name}"


def check_nothing_hidden(name: str, modules: Iterable[str]) -> None:
    """Check that a strategy's modules import the files beside them, if there are any of that name.

    Args:
        name: The strategy as the user named it.
        modules: The user's own modules that it consists of.

    Raises:
        StrategyError: Another module shadows one of these files.
    """
    for module_name in modules:
        module = own_module(module_name)
        if module is None or module.package:
            continue
        for imported in {one.module.partition(".")[0] for one in module.imports if not one.level}:
            for beside in _files_of(Path(module.path).parent, imported):
                _check_is_found(name, imported, beside)


def _look_in(folder: Path) -> None:
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def _check_is_found(name: str, module: str, file: Path) -> None:
    found = find_module(module)
    taken = (file_of(found) or found.origin or "a folder") if found else "nothing"
    if not (Path(taken).exists() and Path(taken).samefile(file)):
        raise StrategyError(f"{name}: Python takes {taken} for `{module}`, which hides {file}; rename that file")


def _files_of(folder: Path, module: str) -> Iterator[Path]:
    return (path for path in (folder / f"{module}.py", folder / module / "__init__.py") if path.is_file())
