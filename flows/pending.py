"""Check whether a backtest has work to do, without writing anything."""

from flows.parameters import BacktestParameters
from flows.plan import plan_run
from flows.report_page import find_page
from tasks.aggregation.results import Run, find_results, results_digest
from tasks.archives.identity import find_archive
from tasks.archives.manifest import find_manifest
from tasks.errors import InputError, LakeError
from tasks.extraction.extract import find_extracted
from tasks.extraction.stage import jobs_of
from tasks.lake.store import Lake
from tasks.ratings.days import are_published_since
from tasks.runs import read_run


def is_pending(parameters: BacktestParameters) -> bool:
    """Return whether a backtest's results or report are missing, or of other input than it would have now.

    Raises:
        InputError: A parameter is wrong, or an archive cannot be read: the backtest would fail, too.
    """
    parameters.check()
    if not all(_is_extracted(parameters, address) for address in parameters.archives):
        return True
    lake, source = parameters.opened_lake, parameters.ratings_source
    try:
        planned = plan_run(parameters)
        if not _is_done(lake, planned.run):
            return True
        ratings = planned.record.ratings
        return bool(source and ratings and are_published_since(lake, source, ratings.days))
    except (InputError, LakeError):
        # For example, ratings are missing, which the backtest gets, or no market passes the filter, which it reports.
        return True


def _is_done(lake: Lake, run: Run) -> bool:
    """Return whether a run has results, and a page of them: one that was killed in between has only the former."""
    record = read_run(lake, run.id)
    if find_results(run) is None or record is None or find_page(lake, record) is None:
        return False
    return (record.state, record.results) == ("done", results_digest(lake, run.id))


def _is_extracted(parameters: BacktestParameters, address: str) -> bool:
    lake, types = parameters.opened_lake, parameters.markets.types_that_filter
    archive = find_archive(lake, address)
    if archive is None or find_manifest(lake, archive, types) is None:
        return False
    jobs = jobs_of(lake, archive, parameters.chunk_bytes, parameters.window, types)
    return all(find_extracted(job) for job in jobs)
