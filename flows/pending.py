"""Check whether a backtest has work to do, without writing anything."""

from flows.parameters import BacktestParameters
from flows.plan import plan_run
from tasks.aggregation.results import find_results
from tasks.archives.identity import find_archive
from tasks.archives.manifest import find_manifest
from tasks.errors import InputError, LakeError
from tasks.extraction.extract import find_extracted
from tasks.extraction.stage import jobs_of


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
    lake, types = parameters.opened_lake, parameters.markets.types_that_filter
    archive = find_archive(lake, address)
    if archive is None or find_manifest(lake, archive, types) is None:
        return False
    jobs = jobs_of(lake, archive, parameters.chunk_bytes, parameters.window, types)
    return all(find_extracted(job) for job in jobs)
