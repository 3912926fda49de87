"""Write an archive's manifest once its extraction is complete; `tasks/archives/manifest.py` reads it."""

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa

from tasks.archives.identity import ARCHIVE, Archive
from tasks.archives.manifest import CHUNKS, ExtractedChunk, Manifest, find_manifest, manifest_fingerprint
from tasks.errors import BalanceError
from tasks.extraction.extract import ExtractJob, find_extracted
from tasks.lake.dataset import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, MANIFESTS, REJECTS
from tasks.lake.store import Lake


def write_manifest(lake: Lake, archive: Archive, jobs: Iterable[ExtractJob]) -> Manifest:
    """Return the archive's manifest, and write it unless the lake has it already.

    Args:
        lake: Where the chunks' files are.
        archive: The archive.
        jobs: All its chunks.

    Raises:
        BalanceError: A file is missing, or a member is neither in the catalogue nor rejected.
    """
    chunks: dict[int, ExtractedChunk] = {}
    for job in jobs:
        files = find_extracted(job)
        if files is None:
            raise BalanceError(f"{job.archive}, {chunk_name(job.chunk.number)}: its files are gone; extract it again")
        _, _, rejects, markets = files
        chunks[job.chunk.number] = ExtractedChunk(job.fingerprint, markets.rows, rejects.rows)
    made = Manifest(archive.name, archive.content, chunks)
    if find_manifest(lake, archive) != made:
        table = pa.Table.from_pylist(list(_rows(lake, archive, made)), MANIFESTS.schema)
        missing = {member.path for member in archive.members} - set(table["member"].to_pylist())
        if missing:
            raise BalanceError(
                f"{archive.address}: {len(missing)} members are neither extracted nor rejected ({min(missing)}, …)"
            )
        notes = {ARCHIVE: archive.name, CHUNKS: json.dumps(chunks)}
        lake.write(MANIFESTS.at(archive.content), table, manifest_fingerprint(archive), notes)
    return made


def _rows(lake: Lake, archive: Archive, manifest: Manifest) -> Iterator[dict[str, object]]:
    members = {member.path: member for member in archive.members}
    for reject in archive.rejects:
        yield {"member": reject.what, "chunk": 0, "reason": reject.reason}
    for number in manifest.chunks:
        markets = lake.read(CATALOGUE_MARKETS.at(archive.name, number), ["member", "market_id"])
        rejects = lake.read(REJECTS.at("extract", archive.name, chunk_name(number)), ["what", "reason"])
        for entry in (*markets.to_pylist(), *rejects.rename_columns(["member", "reason"]).to_pylist()):
            member = members[entry["member"]]
            yield {**entry, "bytes": member.size, "digest": member.digest, "chunk": number}
