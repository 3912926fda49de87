"""The extract stage's Prefect tasks, and the deletion of obsolete files; the other modules here do the work."""

from collections.abc import Iterable, Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.archives.identity import Archive, file_of, forget_archive, manifest_keys
from tasks.archives.manifest import ExtractedChunk, chunks_of, find_manifest, is_asked, types_of
from tasks.errors import ArchiveError
from tasks.executor import Executor
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import TAKEN, ExtractJob, extract_chunk, extract_job, find_extracted
from tasks.lake.dataset import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS, REJECTS, WINDOWS
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.progress import Piece
from tasks.tally import Tally, completed


def plan_extraction(
    lake: Lake, archive: Archive, chunk_bytes: int, window: str, market_types: Iterable[str] = ()
) -> list[ExtractJob]:
    """Plan one job per chunk of some market types and of no known one, and delete what an earlier cut left.

    Args:
        lake: Where the output goes.
        archive: The archive.
        chunk_bytes: Target size of a chunk, bytes as stored.
        window: The part of each market that will be replayed.
        market_types: The types; none means all.
    """
    jobs = _jobs(lake, archive, chunk_bytes, window)
    _forget_earlier_cuts(lake, archive, jobs, market_types)
    return _of_types(jobs, market_types)


def jobs_of(
    lake: Lake, archive: Archive, chunk_bytes: int, window: str, market_types: Iterable[str] = ()
) -> list[ExtractJob]:
    """Return the jobs of `plan_extraction`, without deleting anything."""
    return _of_types(_jobs(lake, archive, chunk_bytes, window), market_types)


def _jobs(lake: Lake, archive: Archive, chunk_bytes: int, window: str) -> list[ExtractJob]:
    return [extract_job(lake, archive, chunk, window) for chunk in cut_into_chunks(archive.members, chunk_bytes)]


def _of_types(jobs: Iterable[ExtractJob], market_types: Iterable[str]) -> list[ExtractJob]:
    asked = types_of(market_types)
    return [job for job in jobs if is_asked(job.chunk.market_type, asked)]


def _forget_earlier_cuts(lake: Lake, archive: Archive, jobs: Iterable[ExtractJob], market_types: Iterable[str]) -> None:
    """Delete manifests and chunks of another target size or version: they would be found beside those of this cut."""
    present = {job.chunk.number: job.fingerprint for job in jobs}

    def is_present(chunks: Mapping[int, ExtractedChunk]) -> bool:
        return all(present.get(number) == chunk.fingerprint for number, chunk in chunks.items())

    manifest = find_manifest(lake, archive, market_types)
    if manifest and is_present(manifest.chunks):
        return  # whoever wrote it has been here
    for key in manifest_keys(lake, archive.content):
        file = lake.find(key)
        if file is None or not is_present(chunks_of(file)):
            lake.delete(key)
    for key in lake.keys(CATALOGUE_MARKETS.of(archive.name)):
        number = int(key.name.removeprefix("chunk-"))
        if number not in present or lake.fresh(key, present[number]) is None:
            _forget(lake, archive.name, number)


def forget_old_archives(lake: Lake) -> int:
    """Delete archives extracted by old versions, which identified them by name only; nothing reads them now.

    Returns:
        The number of archives deleted.
    """
    old = [name for name in lake.values(CATALOGUE_MARKETS) if file_of(name) is None]
    for archive in old:
        for window in lake.values(WINDOWS):
            lake.delete_folders(WINDOWS, window, archive)
        for dataset in (MARKETS, CATALOGUE_RUNNERS, CATALOGUE_MARKETS):
            lake.delete_folders(dataset, archive)
    return len(old)


def _forget(lake: Lake, archive: str, chunk: int) -> None:
    """Delete a chunk's files, the catalogue first: readers look only for what is in the catalogue."""
    lake.delete(CATALOGUE_MARKETS.at(archive, chunk))
    lake.delete(CATALOGUE_RUNNERS.at(archive, chunk))
    lake.delete(REJECTS.at("extract", archive, chunk_name(chunk)))
    lake.delete(MARKETS.at(archive, chunk))
    for window in lake.values(WINDOWS):
        lake.delete_folders(WINDOWS, window, archive, str(chunk))


def find_chunk(job: ExtractJob) -> Tally | None:
    """Count what the lake has of a chunk; None where it is to be extracted.

    Raises:
        BalanceError: What the lake has is not all that went in.
    """
    files = find_extracted(job)
    return _count(job, files, cached=True) if files else None


@task(name="extract chunk", task_run_name="extract chunk {number}/{of}", cache_policy=NO_CACHE, persist_result=False)
def extract_chunk_task(
    job: ExtractJob,
    number: int,  # noqa: ARG001 - used in the run's name
    of: int,  # noqa: ARG001 - used in the run's name
    executor: Executor,
    piece: Piece,
) -> Tally:
    """Extract one chunk of an archive.

    Args:
        job: The chunk's job.
        number: The chunk's number within the stage, from 1.
        of: The stage's number of chunks.
        executor: The worker processes.
        piece: Learns how many members are done.

    Returns:
        Markets found, kept and rejected.

    Raises:
        ArchiveError: The archive changed or broke since it was read; the next run reads it again.
        BalanceError: Some input was neither extracted nor rejected.
    """
    if found := find_chunk(job):
        return completed(found)
    try:
        files = executor.run(extract_chunk, job, piece.count_to)
    except ArchiveError:
        forget_archive(job.lake, job.address)
        raise
    return _count(job, files, cached=False)


def _count(job: ExtractJob, files: list[LakeFile], *, cached: bool) -> Tally:
    _, _, rejects, markets = files
    tally = Tally(cached=cached, taken=int(markets.notes[TAKEN]), out=markets.rows, rejected=rejects.rows)
    return tally.balanced(f"extract {job.archive}, {chunk_name(job.chunk.number)}")
