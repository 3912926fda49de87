"""A terminal in which a command runs as before a person: what it shows, and what is typed."""

import os
import pty
import select
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CTRL_C = "\x03"


class Terminal:
    """A command in a pseudo-terminal."""

    def __init__(self, command: Sequence[object], folder: Path, environment: Mapping[str, str]) -> None:
        words = [*map(str, command)]
        self._process, self._side = pty.fork()
        if not self._process:
            os.chdir(folder)
            os.execve(words[0], words, {**environment, "COLUMNS": "200", "TERM": "xterm", "NO_COLOR": "1"})  # noqa: S606
        self._shown = ""

    def until(self, words: str, seconds: float = 120) -> str:
        """Return what is shown, up to these words; the next call goes on behind them."""
        end = time.monotonic() + seconds
        while words not in self._shown:
            assert self._read(end), f"{words!r} was not shown, but\n{self._shown}"
        before, _, self._shown = self._shown.partition(words)
        return before + words

    def type(self, text: str) -> None:
        """Type text, with a line's end unless it is Ctrl-C."""
        os.write(self._side, text.encode() if text == CTRL_C else f"{text}\n".encode())

    def end(self, seconds: float = 120) -> tuple[int, str]:
        """Wait for the end; return the exit status and the rest of what was shown."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        _, status = os.waitpid(self._process, 0)
        self._process = 0
        return os.waitstatus_to_exitcode(status), self._shown

    def close(self) -> None:
        """End the command if it still runs, and its children by the hang-up of their terminal."""
        os.close(self._side)
        if self._process:
            with suppress(ProcessLookupError):
                os.kill(self._process, 15)
            os.waitpid(self._process, 0)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._side], [], [], max(0, end - time.monotonic()))
        if not ready:
            return False
        try:
            piece = os.read(self._side, 65_536)
        except OSError:  # what Linux raises where the other side is closed
            return False
        self._shown += piece.decode().replace("\r\n", "\n")
        return bool(piece)
