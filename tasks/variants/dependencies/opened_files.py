"""Record the files that strategies read and the folders that they list, by their content at that moment.

`audit_hook.py` detects what is opened; strategies declare what it cannot detect.
"""

import os
from pathlib import Path

from tasks.errors import StrategyError
from tasks.variants.dependencies.digests import CHANGED, file_digest, folder_digest, ways_to


class Opened:
    """Files and folders opened during one replay, or one module's import.

    Attributes:
        files: Digests by path, as `ways_to` yields it; None if there was no file, `CHANGED` if the content varied.
        folders: Digests of the names in listed folders, likewise.
    """

    def __init__(self) -> None:
        self.files: dict[str, str | None] = {}
        self.folders: dict[str, str | None] = {}
        self._written: set[str] = set()
        self._written_before: set[str] = set()

    def begin_market(self) -> None:
        """Begin a market: files written until now are an earlier one's."""
        self._written_before |= self._written
        self._written.clear()

    def note_file(self, path: str | os.PathLike[str]) -> None:
        """Note that a file is about to be read.

        A file written in this market is not an input; one written in an earlier market is noted as `CHANGED`.

        Args:
            path: As it is opened: absolute, or relative to the working directory; so for the methods below.
        """
        place = _place(path)
        if place not in self._written:
            _note(self.files, path, CHANGED if place in self._written_before else file_digest(os.fspath(path)))

    def note_folder(self, path: str) -> None:
        """Note that a folder is about to be listed."""
        _note(self.folders, path, folder_digest(path))

    def note_made(self, path: str) -> None:
        """Note that a file is about to be created exclusively, which depends on whether it exists."""
        self.note_file(path)
        self.note_written(path)

    def note_written(self, path: str) -> None:
        """Note that a file is about to be overwritten."""
        self._written.add(_place(path))

    def note_written_on(self, path: str) -> None:
        """Note that a file is about to be written without truncation; its content may be another market's."""
        place = _place(path)
        if place not in self._written:
            self._written_before.add(place)

    def note_renamed(self, path: str, to: str) -> None:
        """Note that a file is about to be renamed, as in an atomic write."""
        was_written = _place(path) in self._written
        (self._written if was_written else self._written_before).add(_place(to))


def _place(path: str | os.PathLike[str]) -> str:
    """Return the real path, the same through any symbolic link."""
    try:
        return os.path.realpath(path)
    except ValueError:  # no file can have this name
        return os.fspath(path)


def _note(noted: dict[str, str | None], path: str | os.PathLike[str], digest: str | None) -> None:
    for way in ways_to(path):
        noted[way] = digest if noted.get(way, digest) == digest else CHANGED


class Recorder:
    """What each variant opened, and what each module opened while imported, for all variants that use it.

    Attributes:
        spoiled: Ids of the variants that opened something unknown.
    """

    def __init__(self) -> None:
        self._opened: dict[str, Opened] = {}
        self.spoiled: set[str] = set()

    def opened_by(self, name: str) -> Opened:
        """Return what was opened since the last `forget`, to read it or to add to it.

        Args:
            name: A variant's id, or a module's name.
        """
        opened = self._opened.setdefault(name, Opened())
        if name in self.spoiled:
            opened.files["a file"] = CHANGED
        return opened

    def forget(self, name: str) -> None:
        """Start afresh for a replay or an import.

        Args:
            name: A variant's id, or a module's name.
        """
        self._opened.pop(name, None)
        self.spoiled.discard(name)


recorder = Recorder()
"""The recorder of this process."""


def declared(reads: object) -> Opened:
    """Digest what a strategy declares: the hook misses what pyarrow, DuckDB or the strategy's own processes open.

    Args:
        reads: Its attribute `reads`: paths of files, and of folders with everything in them.

    Raises:
        StrategyError: It is not a list of paths.
    """
    if not isinstance(reads, list | tuple) or not all(isinstance(path, str | os.PathLike) for path in reads):
        raise StrategyError(f'reads = {reads!r}: give a list of paths, reads = ["prices.parquet"]')
    opened = Opened()
    for path in reads:
        if not Path(path).is_dir():
            opened.note_file(path)
        for folder, _, files in os.walk(path):
            opened.note_folder(folder)
            for file in files:
                opened.note_file(Path(folder, file))
    return opened
