"""In which order runs were asked of a lake: by a number, as clocks are set back and copied files have new times."""

import pyarrow as pa

from tasks.lake.datasets import RESULTS_SUMMARY, RUNS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake


def note_asked(lake: Lake, run: str) -> None:
    """Note that a run was asked for now, after all others; one that was the last is so already.

    Args:
        lake: The lake, on which no other run of this machine works meanwhile.
        run: The run's id.
    """
    asked = _asked(lake)
    last = max(asked.values(), default=0)
    if last and [each for each, number in asked.items() if number == last] == [run]:
        return
    number = last + 1
    table = pa.table({"asked": [number]}, schema=RUNS.schema)
    lake.write(RUNS, {"run": run}, table, fingerprint("runs", version=1, asked=number), _name(number))
    if before := asked.get(run):
        lake.delete(RUNS, {"run": run}, _name(before))


def latest_run(lake: Lake) -> str | None:
    """Find the run that was asked for last, of those that have results.

    Args:
        lake: The lake.

    Returns:
        Its id, or None where there is none. Of those of which nothing is noted, or that two machines asked for at once,
        the one that was written last.
    """
    asked = _asked(lake)
    runs = lake.values(RESULTS_SUMMARY)
    for number in sorted({asked.get(run, 0) for run in runs}, reverse=True):
        if found := lake.newest(RESULTS_SUMMARY, [run for run in runs if asked.get(run, 0) == number]):
            return found
    return None


def _asked(lake: Lake) -> dict[str, int]:
    """Read the numbers from the files' names: one listing, however many runs there are."""
    asked: dict[str, int] = {}
    for path in lake.paths(RUNS):
        _, run, name = path.split("/")
        asked[run.removeprefix("run=")] = int(name.removesuffix(".parquet"))  # in order: the last one counts
    return asked


def _name(number: int) -> str:
    return f"{number:012d}"
