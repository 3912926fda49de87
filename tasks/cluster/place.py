"""What a job needs from the machine where it runs, and what of it is missing or another there."""

import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from tasks.lake.fingerprint import ENGINE, digest
from tasks.lake.store import Lake
from tasks.variants.dependencies.callers import is_own
from tasks.variants.dependencies.record import Dependencies, what_changed
from tasks.variants.own_strategy import FOLDER

_PROJECT = Path(__file__).resolve().parents[2]
_SOURCES = ("strategies", "tasks")
_OURS = "betfair-backtest"


class SeenFile(NamedTuple):
    """A file or folder as one machine sees it.

    Attributes:
        path: Absolute, or relative to the working directory.
        size: In bytes; 0 for a folder.
        modified: Time of its last change in nanoseconds; 0 for a folder.
    """

    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class Place:
    """What a job needs from its machine, as the machine that submits it has it.

    Attributes:
        run: Another in each run, so that what a worker remembers of an earlier one does not count.
        versions: Of Python, of this project and of what decides orders.
        folder: The working directory; empty if the job may run in any.
        path: Folders of the user's own modules, for `sys.path`.
        strategies_folder: What the environment says of where strategies are; empty if nothing.
        lake: The lake's address.
        mark: From `Lake.marked`.
        files: Archives on a disk.
        strategies: What each strategy depends on, by its name.
        megabytes: The memory that a job may take.
    """

    run: str
    versions: Mapping[str, str]
    folder: str
    path: tuple[str, ...]
    strategies_folder: str
    lake: str
    mark: str
    files: tuple[SeenFile, ...]
    strategies: Mapping[str, Dependencies]
    megabytes: float

    def enter(self) -> None:
        """Give this process the working directory, the path and the variables that a job expects."""
        if self.folder and Path(self.folder).is_dir():
            os.chdir(self.folder)
        sys.path += [folder for folder in self.path if folder not in sys.path]
        if self.strategies_folder:
            os.environ[FOLDER] = self.strategies_folder

    def other_version(self) -> str | None:
        """Return what of this process's versions is another, in words; None if all are the same."""
        own = versions()
        for name, wanted in self.versions.items():
            if own[name] != wanted:
                return f"its {name} is {own[name]}, here it is {wanted}; install the same there and restart it"
        return None

    def lacking(self) -> str | None:
        """Return what is missing or another on this machine, in words, or None; only after `enter`."""
        if self.folder and str(Path.cwd()) != self.folder:
            return f"it has no folder {self.folder}, where the command was started; have the same on each machine"
        if not Lake(self.lake).has_mark(self.mark):
            return (
                f"it does not see the lake {self.lake}; give a folder that all machines share, at the same path, "
                "or an object store"
            )
        for file in self.files:
            if seen(file.path) != file:
                return (
                    f"it does not see the same {file.path}; give an archive that all machines share, at the same path, "
                    "or on an object store"
                )
        for name, dependencies in self.strategies.items():
            if changed := what_changed(dependencies):
                return f"of {name}, {changed} there; have the same files at the same paths on each machine"
        return None


def here(  # noqa: PLR0913 - a place is all of these
    lake: Lake,
    mark: str,
    *,
    archives: tuple[str, ...],
    strategies: Mapping[str, Dependencies],
    is_own_strategy: bool,
    megabytes: float,
) -> Place:
    """Return this machine as a place.

    Args:
        lake: The lake.
        mark: From `Lake.marked`.
        archives: Addresses of archives that jobs read.
        strategies: What each strategy depends on, by its name.
        is_own_strategy: Whether any is the user's own, which may open files by relative paths.
        megabytes: The memory that a job may take.
    """
    local = [path for path in map(_path_of, archives) if path]
    lake_path = _path_of(lake.root)
    is_relative = any(not Path(path).is_absolute() for path in (*local, lake_path or os.sep))
    return Place(
        run=uuid.uuid4().hex,
        versions=versions(),
        folder=str(Path.cwd()) if is_own_strategy or is_relative else "",
        path=tuple(folder for folder in sys.path if is_own(folder)),
        strategies_folder=os.environ.get(FOLDER, ""),
        lake=lake.root,
        mark=mark,
        files=tuple(file for file in map(seen, local) if file),
        strategies=strategies,
        megabytes=megabytes,
    )


def seen(path: str) -> SeenFile | None:
    """Return a file or folder as this machine sees it; None if there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return SeenFile(path, 0, 0) if Path(path).is_dir() else SeenFile(path, status.st_size, status.st_mtime_ns)


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, of this project and of what decides orders, as this process first saw them.

    This project's is a digest of its source, and stays what it was although the files change: what was imported stays.
    """
    files = sorted(file for name in _SOURCES for file in (_PROJECT / name).rglob("*.py"))
    source = digest(part for file in files for part in (str(file.relative_to(_PROJECT)).encode(), file.read_bytes()))
    return {**ENGINE, "pyarrow": version("pyarrow"), _OURS: f"{version(_OURS)} (source {source})"}


def _path_of(address: str) -> str | None:
    """Return an address's path on a disk; None if it is elsewhere."""
    scheme, found, rest = address.partition("://")
    return address if not found else rest if scheme in {"file", "local"} else None
