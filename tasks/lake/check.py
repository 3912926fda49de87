"""Verify the whole lake, to find damage before a run does."""

from typing import NamedTuple

from tasks.errors import LakeError
from tasks.lake.datasets import DATASETS
from tasks.lake.store import Lake


class Checked(NamedTuple):
    """The result of a check.

    Attributes:
        files: Number of files read.
        rows: Number of rows in the sound files.
        problems: A line for each damaged file.
    """

    files: int
    rows: int
    problems: list[str]


def check_lake(lake: Lake) -> Checked:
    """Verify the checksums of every file of every dataset, and of every page; delete damaged files."""
    files = rows = 0
    problems: list[str] = []
    for dataset in DATASETS.values():
        for key in lake.all_keys(dataset):
            files += 1
            try:
                rows += lake.check(key)
            except LakeError as error:
                problems.append(str(error))
    for path in lake.pages():
        files += 1
        try:
            lake.check_page(path)
        except LakeError as error:
            problems.append(str(error))
    return Checked(files, rows, problems)
