"""How long a large file of ratings takes, and how much memory: `python -m benchmarks.ratings ROWS`."""

import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from benchmarks.peak import peak_of
from tasks.lake.store import Lake
from tasks.ratings.days import load_ratings, store_day
from tasks.ratings.predictions import ALL_DAYS, find_file

_RUNNERS = 7
_MARKETS = 33
_FIRST = 200_000_000


def write_file(path: Path, rows: int) -> None:
    """Write ratings of markets one after the other."""
    rng = random.Random(rows)  # noqa: S311 - figures, not secrets
    with path.open("w", encoding="utf-8") as file:
        file.write("market_id,selection_id,DogName,date_dt,rating\n")
        for row in range(rows):
            runner = f"1.{_FIRST + row // _RUNNERS},{30_000_000 + row % 12_345_678}"
            file.write(f"{runner},MAGIC ROGUE,2022-03-01,{1.01 + rng.expovariate(0.1)!r}\n")


def read(folder: Path) -> None:
    """Read the file into the lake."""
    store_day(Lake(folder / "lake"), find_file(str(folder / "large.csv")), ALL_DAYS)


def read_again(folder: Path) -> None:
    """Look whether the lake has the file, as a run that has nothing to do, and take the ratings of some markets."""
    lake, source = Lake(folder / "lake"), find_file(str(folder / "large.csv"))
    store_day(lake, source, ALL_DAYS)
    markets = [f"1.{_FIRST + number}" for number in range(_MARKETS)]
    load_ratings(lake, source, [ALL_DAYS], pd.DataFrame({"market_id": markets, "market_date": date(2022, 3, 1)}))


def measure(work: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Measure a process of its own: seconds without its imports, and its peak in megabytes."""
    with get_context("spawn").Pool(1) as pool:
        pool.apply(_imported)
        started = time.monotonic()
        megabytes = pool.apply(peak_of, (work, folder))
        return time.monotonic() - started, megabytes


def _imported() -> None:
    """Do nothing; to have got here, the process has imported this module."""


def main() -> None:
    """Print a table."""
    rows = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_file(folder / "large.csv", rows)
        print(f"| {rows:,} ratings | seconds | peak MB |\n|---|---:|---:|")
        for name, work in {"read": read, f"nothing to do, {_MARKETS} markets": read_again}.items():
            seconds, megabytes = measure(work, folder)
            print(f"| {name} | {seconds:.2f} | {megabytes:.0f} |")


if __name__ == "__main__":
    main()
