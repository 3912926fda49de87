"""A terminal in which a command runs as before a person: what it shows, and what is typed."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CTRL_C = "\x03"

# Takes the terminal for its own, so that Ctrl-C reaches it, and becomes the command.
_BECOME = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def start(
    command: Sequence[object], environment: Mapping[str, str], *, columns: int, rows: int, cwd: Path | None
) -> tuple["subprocess.Popen[bytes]", int]:
    """Start a command in a terminal of its own; return it, and the descriptor of the person's side."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    inherited = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-c", _BECOME, *map(str, command)],
        stdin=its,
        stdout=its,
        stderr=its,
        env=inherited,
        cwd=cwd,
        start_new_session=True,
    )
    os.close(its)
    return process, ours


class Terminal:
    """A command in a pseudo-terminal."""

    def __init__(self, command: Sequence[object], folder: Path, environment: Mapping[str, str]) -> None:
        plain = {**environment, "TERM": "xterm", "NO_COLOR": "1"}
        self._process, self._side = start(command, plain, columns=200, rows=24, cwd=folder)
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

    def interrupt(self, words: str, seconds: float = 120) -> None:
        """Press Ctrl-C each second until these words are shown, as a person would.

        Python's input() misses a signal that arrives between its prompt and its wait for a key.
        """
        end = time.monotonic() + seconds
        while words not in self._shown and time.monotonic() < end:
            self.type(CTRL_C)
            again = min(end, time.monotonic() + 1)
            while words not in self._shown and self._read(again):
                pass
        self.until(words, 0)

    def end(self, seconds: float = 120) -> tuple[int, str]:
        """Wait for the end; return the exit status and the rest of what was shown."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        return self._process.wait(), self._shown

    def close(self) -> None:
        """End the command if it still runs, and its children by the hang-up of their terminal."""
        os.close(self._side)
        self._process.terminate()
        self._process.wait()

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
