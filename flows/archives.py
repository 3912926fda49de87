"""A backtest's archives and their manifests."""

from collections.abc import Iterable

from flows.parameters import BacktestParameters
from tasks.archives.archive import archive_name
from tasks.archives.identity import Archive, read_archive
from tasks.archives.manifest import Manifest, read_manifest
from tasks.errors import ArchiveError, InputError
from tasks.progress import activity


def read_archives(parameters: BacktestParameters) -> list[Archive]:
    """Return a backtest's archives, in the order given.

    Raises:
        InputError: One cannot be read, or two are the same.
    """
    archives: list[Archive] = []
    for address in parameters.archives:
        activity.begin(f"Reading {archive_name(address)}")
        archives.append(read_archive(parameters.opened_lake, address))
    first: dict[str, str] = {}
    for archive in archives:
        if archive.content in first:
            raise InputError(f"{first[archive.content]} and {archive.address} are the same archive; give it once")
        first[archive.content] = archive.address
    return archives


def check_unchanged(parameters: BacktestParameters, archives: Iterable[Archive]) -> None:
    """Check that a backtest's archives are still those that were read.

    Raises:
        ArchiveError: One was replaced.
    """
    for before, now in zip(archives, read_archives(parameters), strict=True):
        if before.content != now.content:
            raise ArchiveError(f"{now.address}: was replaced while the run worked; run it again")


def read_manifests(parameters: BacktestParameters) -> tuple[Manifest, ...]:
    """Return the manifests of a backtest's archives for its market types, in the order given.

    Raises:
        InputError: An archive cannot be read, two are the same, or one is not completely extracted.
    """
    lake, types = parameters.opened_lake, parameters.markets.types_that_filter
    return tuple(read_manifest(lake, archive, types) for archive in read_archives(parameters))
