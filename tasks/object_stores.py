"""Object stores behind fsspec: whether one answers, and what it refused, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from tasks.errors import BacktestError

_S3 = "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION"


@contextmanager
def translated_errors(fs: AbstractFileSystem, address: str, error_class: type[BacktestError]) -> Iterator[None]:
    """Describe in one line what a store did not do; a disk's errors pass.

    Args:
        fs: Where it is done.
        address: Of the lake or the archive.
        error_class: What to raise.
    """
    try:
        yield
    except BacktestError:
        raise
    except Exception as error:
        if isinstance(fs, LocalFileSystem):
            raise
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise error_class(f"{address}: the store did not do what it was asked ({said}); {_right(error)}") from error


def check_answers(fs: AbstractFileSystem, path: str, address: str, error_class: type[BacktestError]) -> None:
    """Check that a store is there, knows the user, and has the bucket; on a disk there is nothing to check.

    Args:
        fs: The store.
        path: A path there, at which need not be anything.
        address: What the user calls it.
        error_class: What to raise.
    """
    if isinstance(fs, LocalFileSystem):
        return
    with translated_errors(fs, address, error_class):
        try:
            fs.ls(path, detail=False)
        except FileNotFoundError as error:
            if error.__cause__:  # the store's own, of the bucket; without, there is nothing yet at the path
                raise
        finally:
            fs.invalidate_cache()  # what others write meanwhile is to be seen


def _right(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "make the bucket first"
    if isinstance(error, PermissionError):
        return f"see {_S3}; it takes the rights to list, get, put and delete"
    return f"see {_S3}"
