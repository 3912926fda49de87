"""Write an archive's manifest once its extraction is complete; `tasks/archives/manifest.py` reads it."""

import json
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from tasks.archives.archive import Member
from tasks.archives.identity import ARCHIVE, Archive
from tasks.archives.manifest import (
    CHUNKS,
    ExtractedChunk,
    Manifest,
    find_manifest,
    is_asked,
    manifest_fingerprint,
    types_of,
)
from tasks.errors import ArchiveError, BalanceError
from tasks.extraction.extract import ExtractJob, find_extracted
from tasks.lake.dataset import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, MANIFESTS, REJECTS
from tasks.lake.store import Lake


def write_manifest(
    lake: Lake, archive: Archive, jobs: Iterable[ExtractJob], market_types: Iterable[str] = ()
) -> Manifest:
    """Return the archive's manifest for some market types, and write it unless the lake has it already.

    Args:
        lake: Where the chunks' files are.
        archive: The archive.
        jobs: All its chunks of these types and of no known one.
        market_types: The types; none means all.

    Raises:
        ArchiveError: Two event files have the same market.
        BalanceError: A file is missing, or a member is neither in the catalogue, nor rejected, nor of another type.
    """
    asked = types_of(market_types)
    chunks: dict[int, ExtractedChunk] = {}
    for job in jobs:
        files = find_extracted(job)
        if files is None:
            raise BalanceError(f"{job.archive}, {chunk_name(job.chunk.number)}: its files are gone; extract it again")
        _, _, rejects, markets = files
        chunks[job.chunk.number] = ExtractedChunk(job.fingerprint, markets.rows, rejects.rows, job.chunk.market_type)
    found = find_manifest(lake, archive, asked)
    # A copy's manifest names the copy's files, which may be gone.
    if found and (found.archive, found.chunks) == (archive.name, chunks):
        return found
    made = Manifest(archive.name, archive.content, chunks, asked, written_for=asked)
    rows = list(_rows(lake, archive, made))
    _check_each_once(archive, rows)
    extracted = {row["member"] for row in rows}
    others = [member for member in archive.members if member.path not in extracted]
    if missing := [member.path for member in others if is_asked(member.market_type, asked)]:
        raise BalanceError(
            f"{archive.address}: {len(missing)} members are neither extracted nor rejected ({min(missing)}, …)"
        )
    rows += ({**_named(member), "chunk": 0, "market_type": member.market_type} for member in others)
    notes = {ARCHIVE: archive.name, CHUNKS: json.dumps(chunks)}
    table = pa.Table.from_pylist(rows, MANIFESTS.schema)
    lake.write(MANIFESTS.at(archive.content, asked), table, manifest_fingerprint(archive.content), notes)
    return made


def _check_each_once(archive: Archive, rows: Iterable[Mapping[str, object]]) -> None:
    """Check that no market is in event files of several chunks, which do not know of one another."""
    taken: dict[object, object] = {}
    for row in rows:
        if market_id := row.get("market_id"):
            if market_id in taken:
                raise ArchiveError(
                    f"{archive.address}: market {market_id} is in both {taken[market_id]} and {row['member']}; remove "
                    "one of them"
                )
            taken[market_id] = row["member"]


def _rows(lake: Lake, archive: Archive, manifest: Manifest) -> Iterator[dict[str, object]]:
    members = {member.path: member for member in archive.members}
    for reject in archive.rejects:
        yield {"member": reject.what, "chunk": 0, "reason": reject.reason}
    for number, chunk in manifest.chunks.items():
        markets = lake.read(CATALOGUE_MARKETS.at(archive.name, number), ["member", "market_id"])
        rejects = lake.read(REJECTS.at("extract", archive.name, chunk_name(number)), ["what", "reason"])
        for entry in (*markets.to_pylist(), *rejects.rename_columns(["member", "reason"]).to_pylist()):
            yield {
                **entry,
                **_named(members[entry["member"]]),
                "chunk": number,
                "market_type": chunk.market_type or None,
            }


def _named(member: Member) -> dict[str, object]:
    return {"member": member.path, "bytes": member.size, "digest": member.digest}
