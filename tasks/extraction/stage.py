"""The extract stage's Prefect tasks, and the deletion of obsolete files; the other modules here do the work."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.archives.identity import Archive, file_of, forget_archive
from tasks.errors import ArchiveError
from tasks.executor import Executor
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import TAKEN, ExtractJob, extract_chunk, extract_job, find_extracted
from tasks.lake.dataset import chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS, REJECTS, WINDOWS
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.tally import Tally, completed


def plan_extraction(lake: Lake, archive: Archive, chunk_bytes: int, window: str) -> list[ExtractJob]:
    """Cut an archive into one job per chunk, and delete the files of chunks it no longer has.

    Args:
        lake: Where the output goes.
        archive: The archive.
        chunk_bytes: Target size of a chunk, bytes as stored.
        window: The part of each market that will be replayed.
    """
    jobs = [extract_job(lake, archive, chunk, window) for chunk in cut_into_chunks(archive.members, chunk_bytes)]
    present = {CATALOGUE_MARKETS.at(archive.name, job.chunk.number) for job in jobs}
    for key in lake.keys(CATALOGUE_MARKETS.of(archive.name)):
        if key not in present:
            _forget(lake, archive.name, int(key.name.removeprefix("chunk-")))
    return jobs


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
def extract_chunk_task(job: ExtractJob, number: int, of: int, executor: Executor) -> Tally:  # noqa: ARG001 - in the run's name
    """Extract one chunk of an archive.

    Args:
        job: The chunk's job.
        number: The chunk's number within the stage, from 1.
        of: The stage's number of chunks.
        executor: The worker processes.

    Returns:
        Markets found, kept and rejected.

    Raises:
        ArchiveError: The archive changed or broke since it was read; the next run reads it again.
        BalanceError: Some input was neither extracted nor rejected.
    """
    if found := find_chunk(job):
        return completed(found)
    try:
        files = executor.run(extract_chunk, job)
    except ArchiveError:
        forget_archive(job.lake, job.address)
        raise
    return _count(job, files, cached=False)


def _count(job: ExtractJob, files: list[LakeFile], *, cached: bool) -> Tally:
    _, _, rejects, markets = files
    tally = Tally(cached=cached, taken=int(markets.notes[TAKEN]), out=markets.rows, rejected=rejects.rows)
    return tally.balanced(f"extract {job.archive}, {chunk_name(job.chunk.number)}")
