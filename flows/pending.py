"""Check whether a backtest has work to do, without writing anything."""

from flows.parameters import BacktestParameters
from flows.plan import plan_run
from tasks.aggregation.results import find_results
from tasks.archives.identity import find_archive
from tasks.archives.manifest import find_manifest
from tasks.errors import InputError, LakeError
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_job, find_extracted


def is_pending(parameters: BacktestParameters) -> bool:
    """Return whether a backtest's results are missing or stale: of other archives, parameters, strategies or ratings.

    Raises:
        InputError: A parameter is wrong, or an archive cannot be read: the backtest would fail, too.
    """
    parameters.check()
    if not all(_is_extracted(parameters, address) for address in parameters.archives):
        return True
    try:
        return find_results(plan_run(parameters).run) is None
    except (InputError, LakeError):
        # For example, ratings are missing, which the backtest gets, or no market passes the filter, which it reports.
        return True


def _is_extracted(parameters: BacktestParameters, address: str) -> bool:
    archive = find_archive(parameters.opened_lake, address)
    if archive is None or find_manifest(parameters.opened_lake, archive) is None:
        return False
    jobs = (
        extract_job(parameters.opened_lake, archive, chunk)
        for chunk in cut_into_chunks(archive.members, parameters.chunk_bytes)
    )
    return all(find_extracted(job) for job in jobs)
