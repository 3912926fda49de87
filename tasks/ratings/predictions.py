"""The user's own predictions: a CSV file on a disk or an object store.

What its rows must look like is in `columns` and `ids`; the published ratings are in `services`.
"""

import hashlib
from io import BufferedIOBase

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.addresses import shown, shown_within
from tasks.errors import ChangedSourceError, RatingsFileError
from tasks.ratings.columns import Columns, RatingRows, clean_rows, read_csv

NAME_COLUMNS = ("name", "DogName", "runner_name", "Horse", "Dog")
"""What the runner's name is called in the files that are about; the first that a file has is read."""


def read_predictions(source: str, content: str | None = None) -> RatingRows:
    """Read a CSV file with at least the columns market_id, selection_id and rating.

    A runner's name is read where one of `NAME_COLUMNS` is there; all other columns are ignored. A file that has only a
    header is an empty table.

    Args:
        source: A path, or any URL that fsspec opens; UTF-8, with or without a byte order mark.
        content: SHA-256 of the bytes that it has to have, in hexadecimal digits; None where any will do.

    Returns:
        The clean rows; ratings are decimal odds. Rejects are named by line of the file, the header being line 1.

    Raises:
        RatingsFileError: The file is missing, cannot be read, is empty, is not UTF-8 or not a CSV file, or lacks
            columns.
        ChangedSourceError: Its bytes are others: what is made of them would be taken for what is made of those before.
    """
    address = shown(source)
    right = "a CSV file with the columns market_id, selection_id and rating would be right"
    try:
        with open_file(source) as file:
            raw = file.read()
        _check_unchanged(raw, content, address)
        table = read_csv(_decoded(raw))
    except ChangedSourceError:
        raise
    except FileNotFoundError:
        raise RatingsFileError(f"{address}: there is no such file; {right}") from None
    except UnicodeDecodeError as error:
        wrong = f"not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8, a spreadsheet's 'CSV UTF-8'"
        raise RatingsFileError(f"{address}: {wrong}; {right}") from None
    except Exception as error:  # noqa: BLE001 - each kind of store raises its own
        wrong = " ".join(shown_within(str(error)).split())
        # Not from the error: its own text holds the whole address, and Prefect's log all of it.
        raise RatingsFileError(f"{address}: cannot be read: {wrong}; {right}") from None
    if not table.header:
        raise RatingsFileError(f"{address}: the file is empty; {right}")
    name = next((column for column in NAME_COLUMNS if column in table.header), None)
    columns = Columns("market_id", "selection_id", "rating", name)
    if fault := columns.fault(table.header):
        raise RatingsFileError(f"{address}: {fault}; {right}")
    return clean_rows(table, columns)


def _check_unchanged(raw: bytes, content: str | None, address: str) -> None:
    if content not in {None, hashlib.sha256(raw).hexdigest()}:
        raise ChangedSourceError(f"{address}: changed since the run began; run again when it is whole")


def _decoded(content: bytes) -> str:
    text = content.decode()
    # UTF-16 without its mark is UTF-8 as well, of which every other byte is 0.
    if (place := content.find(0)) >= 0:
        raise UnicodeDecodeError("utf-8", content, place, place + 1, "a zero, as in UTF-16,")
    return text


def open_file(source: str) -> BufferedIOBase:
    """Open a file to read it.

    Args:
        source: As for `read_predictions`.

    Returns:
        The open file.

    Raises:
        OSError: It is missing, cannot be read, or is no file; a pipe would be waited for, for ever.
    """
    fs, path = fsspec.core.url_to_fs(source)
    if isinstance(fs, LocalFileSystem) and fs.exists(path) and not fs.isfile(path):
        raise OSError("a directory, a pipe or a device, and no file")
    opened: BufferedIOBase = fs.open(path, "rb")
    return opened
