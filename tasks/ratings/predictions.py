"""The user's own predictions: a CSV file on a disk or an object store; `clean` reads its rows."""

import csv
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BufferedIOBase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.addresses import shown, shown_within
from tasks.errors import BacktestError, ChangedSourceError, RatingsFileError
from tasks.ratings.checked_bytes import CheckedBytes
from tasks.ratings.columns import Columns
from tasks.ratings.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import pandas as pd

    from tasks.ratings.clean import RatingRows

NAME_COLUMNS = ("name", "DogName", "runner_name", "Horse", "Dog")
"""Known columns of runners' names; the first that a file has is read."""


ALL_DAYS = "all"
"""The partition of a file, which covers any number of days."""

_DIGITS = 8
_EXPECTED = "expected a CSV file with the columns market_id, selection_id and rating"

# The longest header that is looked for before the file is read.
_BYTES_OF_A_HEADER = 65_536


@dataclass(frozen=True)
class FileRatings:
    """A file's ratings, as a source that is read at once.

    Attributes:
        name: The file's name and a digest of its content.
        address: Its path or URL without secrets.
        content: SHA-256 of its bytes, hexadecimal digits.
        path: Its path or URL with any secrets, only for opening it.
    """

    name: str
    address: str
    content: str
    path: str = field(repr=False)

    def days(self, _market_dates: "pd.Series[date]") -> list[str]:
        """Return the single partition for all days."""
        return [ALL_DAYS]

    def read(self, _day: str) -> "Iterator[RatingRows]":
        """Read the file, block by block.

        Raises:
            RatingsFileError: It cannot be read.
            ChangedSourceError: It has changed since `find_file`.
        """
        return read_predictions(self.path, self.content)


def find_file(ratings: str) -> FileRatings:
    """Find a file of ratings and digest its content.

    Args:
        ratings: A path, or any URL that fsspec opens.

    Raises:
        RatingsFileError: There is no such file, it cannot be opened, is empty, or lacks columns.
    """
    address = shown(ratings)
    try:
        with open_file(ratings) as file:
            begins = file.read(_BYTES_OF_A_HEADER)
            content = hashlib.file_digest(file, partial(hashlib.sha256, begins)).hexdigest()
    except Exception as error:  # noqa: BLE001 - each kind of store raises its own
        # For a server, fsspec reports any error as a missing file.
        why = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        if not isinstance(why, FileNotFoundError):
            raise RatingsFileError(
                f"{address}: cannot be opened ({shown_within(str(why))}); download it and give its path"
            ) from None
        raise RatingsFileError(
            f"{address}: no such ratings; give {' or '.join(SERVICES)}, or the path of a CSV file with the columns "
            "market_id, selection_id, rating"
        ) from None
    _check_header(begins, address)
    stem = re.sub(r"[^\w.-]+", "_", PurePosixPath(address.replace("\\", "/")).stem).lstrip(".")
    return FileRatings(f"{stem}-{content[:_DIGITS]}", address, content, ratings)


def read_predictions(source: str, content: str | None = None) -> "Iterator[RatingRows]":
    """Read a CSV file with at least the columns market_id, selection_id and rating.

    Runners' names are read if one of `NAME_COLUMNS` is present; other columns are ignored. A file with only a header is
    an empty table.

    Args:
        source: A path, or any URL that fsspec opens; UTF-8, with or without a byte order mark.
        content: The expected SHA-256 of its bytes, in hexadecimal digits; None accepts any.

    Yields:
        The clean rows, block by block, to be believed once all are read; ratings are decimal odds. Rejects are named by
        line of the file; the header is line 1.

    Raises:
        RatingsFileError: The file is missing, cannot be read, is empty, is not UTF-8 or CSV, or lacks columns.
        ChangedSourceError: Its bytes are not the expected ones, under whose digest the result would be stored.
    """
    address = shown(source)
    try:
        with open_file(source) as file:
            raw = CheckedBytes(file)
            try:
                yield from _read_rows(raw, address)
            except (ValueError, RatingsFileError):
                _check_whole(raw, content, address)
                raise
            _check_whole(raw, content, address)
    except BacktestError:
        raise
    except FileNotFoundError:
        raise RatingsFileError(f"{address}: there is no such file; {_EXPECTED}") from None
    except Exception as error:  # noqa: BLE001 - each kind of store raises its own
        wrong = " ".join(shown_within(str(error)).split())
        # `from None`: the error's text contains the whole address, and Prefect would log it.
        raise RatingsFileError(f"{address}: cannot be read: {wrong}; {_EXPECTED}") from None


def _read_rows(raw: CheckedBytes, address: str) -> "Iterator[RatingRows]":
    # Imported late: each command's parameters name the sources of ratings, and few read any.
    from tasks.ratings.clean import clean_rows  # noqa: PLC0415
    from tasks.ratings.csv_table import CsvTable  # noqa: PLC0415

    table = CsvTable(raw.pieces())
    try:
        columns = _columns_in(table.header, address)
    except RatingsFileError:
        table.check()  # that it is not CSV says more
        raise
    yield from clean_rows(table.blocks(columns))


def _check_whole(raw: CheckedBytes, content: str | None, address: str) -> None:
    digest = raw.digest()
    if content not in {None, digest}:
        raise ChangedSourceError(f"{address}: changed since the run began; run again when it is whole")
    if raw.fault:
        wrong = f"not UTF-8 text ({raw.fault}); save it as UTF-8, a spreadsheet's 'CSV UTF-8'"
        raise RatingsFileError(f"{address}: {wrong}; {_EXPECTED}")


def _check_header(begins: bytes, address: str) -> None:
    first = next((line for line in begins.decode(errors="ignore").splitlines() if line.strip()), "")
    # Whatever else is wrong is told by its line when the file is read.
    with suppress(csv.Error):
        header = next(csv.reader([first.removeprefix("\ufeff")], strict=True), [])
        _columns_in([column.strip() for column in header], address)


def _columns_in(header: list[str], address: str) -> Columns:
    if not header:
        raise RatingsFileError(f"{address}: the file is empty; {_EXPECTED}")
    name = next((column for column in NAME_COLUMNS if column in header), None)
    columns = Columns("market_id", "selection_id", "rating", name)
    if fault := columns.fault(header):
        raise RatingsFileError(f"{address}: {fault}; {_EXPECTED}")
    return columns


def open_file(source: str) -> BufferedIOBase:
    """Open a file to read it.

    Args:
        source: As for `read_predictions`.

    Raises:
        OSError: It is missing, cannot be read, or is not a regular file; a pipe would block forever.
    """
    fs, path = fsspec.core.url_to_fs(source)
    if isinstance(fs, LocalFileSystem) and fs.exists(path) and not fs.isfile(path):
        raise OSError("a directory, a pipe or a device, and no file")
    opened: BufferedIOBase = fs.open(path, "rb")
    return opened
