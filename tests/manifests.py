"""Manifests of archives that nobody extracted, and of those that a test extracts chunk by chunk."""

import json
from collections.abc import Iterable, Sequence

from tasks.archives.identity import ARCHIVE, Archive, read_archive
from tasks.archives.manifest import CHUNKS, ExtractedChunk, Manifest
from tasks.extraction.extract import ExtractJob, extract_chunk, find_extracted
from tasks.extraction.stage import plan_extraction
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.datasets import MANIFESTS
from tasks.lake.store import Lake


def keep_manifest(lake: Lake, archive: str, chunks: Iterable[tuple[int, int]] = ()) -> Manifest:
    """Write a manifest of chunks, by number and markets, whose files have the fingerprint `p`."""
    extracted = {number: ExtractedChunk("p", markets, 0) for number, markets in chunks}
    notes = {ARCHIVE: archive, CHUNKS: json.dumps(extracted)}
    lake.write(MANIFESTS.at(archive), MANIFESTS.schema.empty_table(), "p", notes)
    return Manifest(archive, archive, extracted)


def extract_whole(
    lake: Lake, address: str, chunk_bytes: int = 10**9, window: str = "80s", market_types: Sequence[str] = ()
) -> tuple[Archive, list[ExtractJob], Manifest]:
    """Extract an archive, or what lacks of some market types; gives it, its jobs, and its manifest."""
    archive = read_archive(lake, address)
    jobs = plan_extraction(lake, archive, chunk_bytes, window, market_types)
    for job in jobs:
        if not find_extracted(job):
            extract_chunk(job)
    return archive, jobs, write_manifest(lake, archive, jobs, market_types)
