"""The markets that are replayed, read from their archives into a lake in memory."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from flows.parameters import BacktestParameters
from tasks.archives.archive import read_index
from tasks.archives.catalogue import read_catalogue, read_runners
from tasks.archives.identity import Archive, read_part
from tasks.archives.manifest import Manifest
from tasks.archives.market_files import market_of
from tasks.archives.selection import select_markets
from tasks.errors import InputError
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_chunk, extract_job
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.store import Lake
from tasks.orders.session import Ratings
from tasks.ratings.days import as_lookup, load_ratings, store_day
from tasks.ratings.source import RatingsSource
from tasks.rejects import RejectSource, count_rejects

_SHOWN = 3


class Markets(NamedTuple):
    """What strategies are replayed on, and settled by.

    Attributes:
        catalogue: Rows of `catalogue/markets` with columns `archive` and `upstream`.
        runners: Their rows of `catalogue/runners`.
        ratings: Of these markets, by the model's name.
    """

    catalogue: pd.DataFrame
    runners: pd.DataFrame
    ratings: Mapping[str, Ratings]


def read_markets(parameters: BacktestParameters) -> Markets:
    """Read the markets that were asked for, and their ratings; the strategies do not matter.

    Raises:
        InputError: An archive cannot be read, has several files of which none was chosen, or a market cannot be
            replayed, does not pass the filters or is not rated.
    """
    lake = parameters.opened_lake
    parts = [_part(address, parameters.markets.market_ids) for address in parameters.archives]
    manifests = [_extract(lake, part, parameters) for part in parts if part.members]
    if not sum(manifest.markets for manifest in manifests):
        raise InputError(_why_none(lake, parameters, manifests))
    # The only market of the only file was chosen by its file, so the default type does not filter it.
    found = [market_id for manifest in manifests for market_id in read_catalogue(lake, manifest)["market_id"]]
    chosen = parameters.markets.market_ids or (found if len(found) == 1 else [])
    catalogue, _ = select_markets(lake, manifests, parameters.markets.model_copy(update={"market_ids": chosen}))
    source = parameters.ratings_source
    ratings = {source.name: _rate(lake, source, catalogue)} if source else {}
    return Markets(catalogue, read_runners(lake, manifests, catalogue), ratings)


def _part(address: str, market_ids: Iterable[str]) -> Archive:
    """Read the files of these markets, and those of events, which name no market; without any, the only file."""
    wanted = set(market_ids)
    if wanted:
        return read_part(address, lambda member: market_of(member.path) in {None, *wanted})
    members = read_index(address).members
    if len(members) > 1:
        first = ", ".join(name for member in members[:_SHOWN] if (name := market_of(member.path)))
        raise InputError(
            f"{address} has {len(members):,} files, and --debug replays what you look at; choose with --market: "
            f"{first or members[0].path}, …"
        )
    return read_part(address, lambda _: True)


def _extract(lake: Lake, archive: Archive, parameters: BacktestParameters) -> Manifest:
    chunks = cut_into_chunks(archive.members, parameters.chunk_bytes)
    jobs = [extract_job(lake, archive, chunk, parameters.window) for chunk in chunks]
    for job in jobs:
        extract_chunk(job)
    return write_manifest(lake, archive, jobs)


def _why_none(lake: Lake, parameters: BacktestParameters, manifests: Iterable[Manifest]) -> str:
    sources = [RejectSource("extract", manifest.archive, manifest.reject_names) for manifest in manifests]
    for first in count_rejects(lake, sources):
        return f"no market can be replayed: {first['reason']} ({first['for example']})"
    return f"market {parameters.markets.market_ids[0]} is not in {', '.join(parameters.archives)}"


def _rate(lake: Lake, source: RatingsSource, catalogue: pd.DataFrame) -> Ratings:
    days = source.days(catalogue["market_date"])
    for day in days:
        store_day(lake, source, day)
    rated = load_ratings(lake, source, days, catalogue)
    if rated.empty:
        raise InputError(f"{source.address} has no rating for {', '.join(catalogue['market_id'])}")
    return as_lookup(rated)
