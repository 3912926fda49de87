"""What a terminal shows while a command works: a bar per stage, and below them what is being done.

Whatever else is written to standard error meanwhile, by the log, by a strategy in a worker process or by a library,
takes its way through a pipe and appears above the bars, line by line.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from flows.command_line.bars import bars
from flows.command_line.standard_error import standard_error
from tasks.foreign_text import visible
from tasks.progress import Progress, activity

_REFRESHES_A_SECOND = 4
_BYTES = 1 << 16
_SECONDS_TO_DRAIN = 2.0
# Nothing that a person reads has it; says to the reader of the pipe that it has all that was written before.
_DRAINED = b"\0drained\0"


@contextmanager
def screen(doing: str, *, quiet: bool = False) -> Iterator[None]:
    """Show on the terminal what is done in this block; nothing if it is none, or cannot move its cursor.

    Args:
        doing: What is done first.
        quiet: Show nothing.
    """
    if quiet or not can_draw():
        yield
        return
    with _Screen() as drawn:
        drawn.begin(doing)
        activity.display = drawn
        try:
            yield
        finally:
            activity.display = None


def can_draw() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    is_dumb = os.environ.get("TERM", "dumb").lower() in {"dumb", "unknown"} and os.name != "nt"
    return sys.stderr is not None and os.isatty(2) and not is_dumb


class _Terminal(Console):
    """The terminal behind a descriptor.

    Its cursor is never hidden, so that nothing that ends this process can leave it so.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        file = os.fdopen(descriptor, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)
        super().__init__(file=file, force_terminal=True, force_interactive=True)

    @property  # type: ignore[misc]  # nobody sets it
    def size(self) -> ConsoleDimensions:
        """Of this terminal, wherever input and output are."""
        with suppress(OSError):
            return ConsoleDimensions(*os.get_terminal_size(self._descriptor))
        return super().size

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - as in rich
        """Leave it as it is."""
        return False


class _Screen:
    """The display of a command at a terminal."""

    def __init__(self) -> None:
        self._doing, self._since = "", time.monotonic()
        self._stages: dict[str, Progress] = {}

    def __enter__(self) -> Self:
        sys.stderr.flush()
        self._encoding = sys.stderr.encoding
        seen = os.dup(2)
        reads, self._pipe = os.pipe()
        os.dup2(self._pipe, 2)
        standard_error.descriptor = seen
        self._console = _Terminal(seen)
        self._drained = threading.Event()
        threading.Thread(target=self._relay, args=(reads,), daemon=True).start()
        self._live = Live(
            self,
            console=self._console,
            refresh_per_second=_REFRESHES_A_SECOND,
            redirect_stdout=os.isatty(1),
            redirect_stderr=False,
        )
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()
        os.write(self._pipe, _DRAINED)
        self._drained.wait(_SECONDS_TO_DRAIN)
        self._doing = ""
        self._live.stop()
        os.dup2(standard_error.descriptor, 2)
        standard_error.descriptor = 2
        os.close(self._pipe)

    def begin(self, doing: str) -> None:
        """Show what is being done, and for how long."""
        self._doing, self._since = doing, time.monotonic()
        self._live.refresh()

    def follow(self, progress: Progress) -> None:
        """Show a stage's bar; it takes the place of that of an earlier attempt."""
        self._doing = ""
        self._stages = {**self._stages, progress.stage: progress}
        self._live.refresh()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._stages:
            yield bars([*self._stages.values()], options.max_width)
        if self._doing:
            seconds = int(time.monotonic() - self._since)
            waited = f" {seconds} s" if seconds else ""
            yield Text(f"{visible(self._doing)}{waited}", no_wrap=True, overflow="crop")

    def _relay(self, reads: int) -> None:
        """Print above the bars what arrives in the pipe, by whole lines, until nobody can write to it."""
        with os.fdopen(reads, "rb", buffering=0) as pipe:
            rest = b""
            while arrived := pipe.read(_BYTES):
                before, is_end, after = (rest + arrived).partition(_DRAINED)
                *lines, rest = before.split(b"\n")
                if is_end:
                    lines, rest = [*lines, *([rest] if rest else [])], after
                if lines:
                    self._print(lines)
                if is_end:
                    self._drained.set()

    def _print(self, lines: list[bytes]) -> None:
        said = (line.decode(self._encoding, "backslashreplace").rstrip("\r").expandtabs() for line in lines)
        with suppress(OSError):  # the terminal is gone, and whoever writes must not wait for it
            self._console.print(Text("\n".join(map(visible, said))), soft_wrap=True)
