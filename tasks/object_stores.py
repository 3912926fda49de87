"""Object stores behind fsspec: check that one answers, and describe its errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import BacktestError

_S3 = "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION"


@contextmanager
def translated_errors(fs: AbstractFileSystem, address: str, error_class: type[BacktestError]) -> Iterator[None]:
    """Raise an object store's errors as `error_class` with a one-line message; let a disk's errors pass.

    Args:
        fs: The file system in use.
        address: Of the lake or the archive.
        error_class: The exception to raise.
    """
    try:
        yield
    except BacktestError:
        raise
    except Exception as error:
        if isinstance(fs, LocalFileSystem):
            raise
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise error_class(f"{address}: the object store failed ({said}); {_right(error)}") from error


def check_answers(fs: AbstractFileSystem, path: str, address: str, error_class: type[BacktestError]) -> None:
    """Check that an object store is reachable, accepts the credentials, and has the bucket; do nothing for a disk.

    Args:
        fs: The store.
        path: A path in it; need not exist.
        address: The user's address of it, for the message.
        error_class: The exception to raise.
    """
    if isinstance(fs, LocalFileSystem):
        return
    with translated_errors(fs, address, error_class):
        try:
            fs.ls(path, detail=False)
        except FileNotFoundError as error:
            if error.__cause__:  # from the store: the bucket is missing; without a cause, only the path is
                raise
        finally:
            fs.invalidate_cache()  # so that later writes by others are seen


def _right(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "create the bucket first"
    if isinstance(error, PermissionError):
        return f"check {_S3}; the key needs permission to list, get, put and delete"
    return f"check {_S3}"
