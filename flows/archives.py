"""The archives that a backtest is about: what they are, told by their bytes, and what was extracted of them."""

from flows.parameters import BacktestParameters
from tasks.archives.identity import Archive, read_archive
from tasks.archives.manifest import Manifest, read_manifest
from tasks.errors import InputError


def read_archives(parameters: BacktestParameters) -> list[Archive]:
    """Return which archives a backtest is about.

    Args:
        parameters: What to backtest.

    Returns:
        An archive an address.

    Raises:
        InputError: One cannot be read, or two are the same.
    """
    archives = [read_archive(parameters.opened_lake, address) for address in parameters.archives]
    first: dict[str, str] = {}
    for archive in archives:
        if archive.content in first:
            raise InputError(f"{first[archive.content]} and {archive.address} are the same archive; give it once")
        first[archive.content] = archive.address
    return archives


def read_manifests(parameters: BacktestParameters) -> tuple[Manifest, ...]:
    """Return what was extracted of a backtest's archives.

    Args:
        parameters: What to backtest.

    Returns:
        A manifest an archive.

    Raises:
        InputError: An archive cannot be read, two are the same, or one was not extracted to its end.
    """
    return tuple(read_manifest(parameters.opened_lake, archive) for archive in read_archives(parameters))
