"""The whole lake read and checked: what is damaged is found before anyone needs it."""

from typing import NamedTuple

from tasks.errors import LakeError
from tasks.lake.datasets import DATASETS
from tasks.lake.store import Lake


class Checked(NamedTuple):
    """What was read.

    Attributes:
        files: How many.
        rows: In those that are whole.
        problems: A line for each file that is not.
    """

    files: int
    rows: int
    problems: list[str]


def check_lake(lake: Lake) -> Checked:
    """Read every file of every dataset to its last byte, against its checksums; what is damaged is deleted.

    Returns:
        What was read.
    """
    files = rows = 0
    problems: list[str] = []
    for dataset in DATASETS.values():
        for key in lake.all_keys(dataset):
            files += 1
            try:
                rows += lake.check(key)
            except LakeError as error:
                problems.append(str(error))
    return Checked(files, rows, problems)
