"""Lakes compared: every row of every dataset, and when each file was written."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb

# Ratings carry the moment they were fetched, so only their figures are compared.
COMPARED = {
    "archives": "*",
    "manifests": "*",
    "markets": "*",
    "windows": "*",
    "catalogue/markets": "*",
    "catalogue/runners": "*",
    "rejects": "*",
    "ratings": "* EXCLUDE (fetched_at, source)",
    "orders": "*",
    "results/markets": "*",
    "results/days": "*",
    "results/refused": "*",
    "results/statistics": "*",
    "results/summary": "*",
}

# A chunk's files that are written last: where they are, the chunk was finished.
FINISHED = ("catalogue/markets", "orders")


class Difference(NamedTuple):
    """How a lake differs from what it should be, in rows."""

    wrong: int
    lost: int


def rows(lake: Path, dataset: str) -> list[tuple[object, ...]]:
    """Every row of a dataset, its partitions included, in one order."""
    return duckdb.sql(f"{_select(lake, dataset)} ORDER BY ALL").fetchall()


def compare(lake: Path, right: Path, but: Iterable[str] = ()) -> Difference:
    """Count rows that are not in the right lake, and those that are only there."""
    wrong = lost = 0
    for dataset in set(COMPARED) - set(but):
        here, there = _select(lake, dataset), _select(right, dataset)
        wrong += _count(f"{here} EXCEPT ALL {there}")
        lost += _count(f"{there} EXCEPT ALL {here}")
    return Difference(wrong, lost)


def written(lake: Path) -> dict[str, int]:
    """When each file of the lake was written."""
    return {str(path.relative_to(lake)): path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}


def leftovers(lake: Path) -> list[Path]:
    """Files that somebody did not finish writing."""
    return list(lake.glob(".tmp/*"))


def _select(lake: Path, dataset: str) -> str:
    files = f"read_parquet('{lake}/{dataset}/**/*.parquet', hive_partitioning = true)"
    if not list((lake / dataset).rglob("*.parquet")):
        return "SELECT NULL WHERE false"
    return f"SELECT {COMPARED[dataset]} FROM {files}"  # noqa: S608 - a test's own words


def _count(query: str) -> int:
    [(count,)] = duckdb.sql(f"SELECT count(*) FROM ({query})").fetchall()  # noqa: S608 - the same
    return int(count)
