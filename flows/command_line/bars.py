"""A bar per stage, in as many columns as a terminal has room for."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tasks.progress import Progress

_NARROWEST, _WIDEST = 8, 40
_MEGABYTE = 1e6
_TWO_DIGITS = 10
_MINUTE = 60

# In the order in which they are left out on a narrow terminal.
_LESS_NEEDED = ("rate", "size", "bar", "left")


def bars(stages: Sequence[Progress], width: int) -> RenderableType:
    """Draw stages' progress.

    Args:
        stages: In the order of their beginning.
        width: Of the terminal, in columns.
    """
    rows = [_cells(progress) for progress in stages]
    columns = ["stage", "bar", "count", "size", "rate", "left"]
    for column in (None, *_LESS_NEEDED):
        columns = [each for each in columns if each != column]
        room = width - len(columns) + 1 - sum(max(len(row[each]) for row in rows) for each in columns if each != "bar")
        if room >= _NARROWEST * ("bar" in columns):
            break
    table = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(justify="left" if column in {"stage", "bar"} else "right", no_wrap=True, overflow="crop")
    for progress, row in zip(stages, rows, strict=True):
        bar = ProgressBar(total=1, completed=progress.fraction, width=min(room, _WIDEST))
        table.add_row(*(bar if column == "bar" else Text(row[column]) for column in columns))
    return table


def _cells(progress: Progress) -> dict[str, str]:
    left = progress.seconds_left
    size = f"{progress.done_size / _MEGABYTE:.1f}/{progress.size / _MEGABYTE:.1f} MB" if progress.size else ""
    if not progress.pieces:
        time_said = "Cached"
    elif progress.finished:
        time_said = f"in {_clock(progress.seconds)}"
    else:
        time_said = "" if left is None else f"{_clock(ceil(left))} left"
    return {
        "stage": progress.stage,
        "count": f"{progress.done}/{progress.count} {progress.words.counted}",
        "size": size,
        "rate": f"{progress.rate:.{int(progress.rate < _TWO_DIGITS)}f}/s" if size and progress.rate else "",
        "left": time_said,
    }


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} s" if whole < _MINUTE else str(timedelta(seconds=whole)).lstrip("0:")
