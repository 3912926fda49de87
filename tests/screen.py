"""A terminal's screen as a person sees it: its lines and its cursor, at every moment of a command."""

import codecs
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte
from terminal import start


class Screen:
    """The screen of a command in a terminal of its own.

    Attributes:
        process: The command.
        seen: Each screen that was seen, in order, as its lines.
        raw: All that was written to it.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        rows: int = 24,
        term: str = "xterm-256color",
        cwd: Path | None = None,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self.seen: list[list[str]] = []
        self.raw = b""
        self._changed = threading.Condition()
        with_term = {**environment, "TERM": term}
        self.process, self._ours = start(command, with_term, columns=columns, rows=rows, cwd=cwd)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        stream = pyte.Stream(self.screen)
        while True:
            try:
                data = os.read(self._ours, 1 << 16)
            except OSError:  # nobody has the terminal any more
                data = b""
            with self._changed:
                self.raw += data
                stream.feed(decoder.decode(data))
                if not self.seen or self.seen[-1] != self.lines:
                    self.seen.append(self.lines)
                self._changed.notify_all()
            if not data:
                return

    @property
    def lines(self) -> list[str]:
        """What is on the screen, and what has scrolled out of it."""
        above = ["".join(row[column].data for column in range(self.screen.columns)) for row in self.screen.history.top]
        return "\n".join(line.rstrip() for line in [*above, *self.screen.display]).rstrip().split("\n")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until a text has been seen, or the command has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.was_seen(text) or not self._reader.is_alive(), seconds)
        assert self.was_seen(text), "\n".join(self.lines)

    def was_seen(self, text: str) -> bool:
        """Whether a text was on the screen at any moment."""
        return any(text in line for lines in self.seen for line in lines)

    def wait(self, seconds: float) -> int:
        """Wait until the command has ended and its screen is whole; return its exit status."""
        status = self.process.wait(seconds)
        self._reader.join(10)
        return status
