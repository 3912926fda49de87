"""The files that strategies read and the folders that they list, by their content at that moment.

How it is noticed that something is opened is `audit_hook.py`'s business; what cannot be noticed is declared.
"""

import os
from pathlib import Path

from tasks.errors import StrategyError
from tasks.variants.dependencies.digests import CHANGED, file_digest, folder_digest, ways_to


class Opened:
    """What was opened in the course of one replay, or of one module's import.

    Attributes:
        files: Paths by which they are found again, and digests; None where there was no file, `CHANGED` where its
            content was not always the same.
        folders: Folders whose names were listed, in the same way.
    """

    def __init__(self) -> None:
        self.files: dict[str, str | None] = {}
        self.folders: dict[str, str | None] = {}
        self._written: set[str] = set()
        self._written_before: set[str] = set()

    def begin_market(self) -> None:
        """Begin a market: what was written until now is not its own."""
        self._written_before |= self._written
        self._written.clear()

    def note_file(self, path: str | os.PathLike[str]) -> None:
        """Note that a file is about to be read.

        One that was written in this market is no input, and one that was written in another is none that would last.

        Args:
            path: The file, as it is opened: absolute, or from the working directory on.
        """
        place = _place(path)
        if place not in self._written:
            _note(self.files, path, CHANGED if place in self._written_before else file_digest(os.fspath(path)))

    def note_folder(self, path: str) -> None:
        """Note that a folder is about to be listed.

        Args:
            path: The folder, as it is opened.
        """
        _note(self.folders, path, folder_digest(path))

    def note_made(self, path: str) -> None:
        """Note that a file is about to be made, which fails where there is one: that is to ask whether there is.

        Args:
            path: The file.
        """
        self.note_file(path)
        self.note_written(path)

    def note_written(self, path: str) -> None:
        """Note that a file is about to be written from its beginning.

        Args:
            path: The file.
        """
        self._written.add(_place(path))

    def note_written_on(self, path: str) -> None:
        """Note that a file is about to be written, with what is in it kept, which another market may have written.

        Args:
            path: The file.
        """
        place = _place(path)
        if place not in self._written:
            self._written_before.add(place)

    def note_renamed(self, path: str, to: str) -> None:
        """Note that a file is about to be put in the place of another, as one that was written is to be there whole.

        Args:
            path: The file.
            to: Its new place.
        """
        was_written = _place(path) in self._written
        (self._written if was_written else self._written_before).add(_place(to))


def _place(path: str | os.PathLike[str]) -> str:
    """Return where a file lies, by whichever of its names and links it is opened."""
    try:
        return os.path.realpath(path)
    except ValueError:  # no file can be called so
        return os.fspath(path)


def _note(noted: dict[str, str | None], path: str | os.PathLike[str], digest: str | None) -> None:
    for way in ways_to(path):
        noted[way] = digest if noted.get(way, digest) == digest else CHANGED


class Recorder:
    """What each variant opened, and what modules opened in the course of an import, which all share that use them.

    Attributes:
        spoiled: Ids of the variants that opened something of which nothing is known.
    """

    def __init__(self) -> None:
        self._opened: dict[str, Opened] = {}
        self.spoiled: set[str] = set()

    def opened_by(self, name: str) -> Opened:
        """Return what was opened, to read it or to add to it.

        Args:
            name: A variant's id, or a module's name.

        Returns:
            All since it was last forgotten.
        """
        opened = self._opened.setdefault(name, Opened())
        if name in self.spoiled:
            opened.files["a file"] = CHANGED
        return opened

    def forget(self, name: str) -> None:
        """Begin anew, because a replay or an import does.

        Args:
            name: A variant's id, or a module's name.
        """
        self._opened.pop(name, None)
        self.spoiled.discard(name)


recorder = Recorder()
"""Of this process."""


def declared(reads: object) -> Opened:
    """Digest what a strategy says that it reads: what pyarrow, DuckDB or a process of its own opens is not noticed.

    Args:
        reads: Its attribute `reads`: paths of files and of folders, of which all that is in them counts.

    Returns:
        The files and folders.

    Raises:
        StrategyError: It is no list of paths.
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
