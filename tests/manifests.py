"""Manifests of archives that nobody extracted, and of those that a test extracts chunk by chunk."""

import json
from collections.abc import Iterable

from tasks.archives.identity import ARCHIVE, Archive, read_archive
from tasks.archives.manifest import CHUNKS, ExtractedChunk, Manifest
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import ExtractJob, extract_chunk, extract_job
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
    lake: Lake, address: str, chunk_bytes: int = 10**9, window: str = "80s"
) -> tuple[Archive, list[ExtractJob], Manifest]:
    """Extract an archive; gives it, its jobs, and its manifest."""
    archive = read_archive(lake, address)
    jobs = [extract_job(lake, archive, chunk, window) for chunk in cut_into_chunks(archive.members, chunk_bytes)]
    for job in jobs:
        extract_chunk(job)
    return archive, jobs, write_manifest(lake, archive, jobs)
