"""The backtest: extract, ratings, simulate, aggregate."""

import logging
from itertools import chain

from prefect import flow
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from flows.aggregate import aggregate
from flows.archives import check_unchanged, read_archives
from flows.artifacts import show_report
from flows.backtest_report import BacktestReport, read_report
from flows.events import announce_completed, announce_failed, one_line
from flows.extract import extract
from flows.parameters import BacktestParameters
from flows.ratings import ratings
from flows.simulate import simulate
from flows.stages import run_stage, without_heartbeats
from tasks.errors import (
    BacktestError,
    ChangedFileError,
    ChangedSourceError,
    DamagedFileError,
    ReplacedOrdersError,
    StageError,
)

logger = logging.getLogger("backtest")

# A limit, because a disk may damage every file written to it.
_MOST_REPAIRS = 5


@flow(name="backtest", flow_run_name="backtest {parameters.title}", persist_result=False)
def backtest(parameters: BacktestParameters) -> BacktestReport:
    """Backtest strategies on archives: one replay for all variants, commission by the market's own rate.

    Args:
        parameters: What to backtest.

    Returns:
        Each stage's counts and each variant's figures.

    Raises:
        InputError: A parameter is wrong; nothing was done.
        StageError: A stage finished incompletely; finished work is kept.
    """
    try:
        report = _run(parameters)
    except Exception as error:
        announce_failed(error, parameters.archives)
        raise
    announce_completed(report, parameters.archives)
    return report


def _run(parameters: BacktestParameters) -> BacktestReport:
    parameters.check()
    parameters.forewarn()
    attempts = Retrying(
        stop=stop_after_attempt(1 + _MOST_REPAIRS),
        retry=retry_if_exception(_can_be_made_again),
        before_sleep=_say_again,
        reraise=True,
    )
    # The first attempt reuses what the checks computed; later ones do not, as sources or files may have changed.
    each = chain([parameters], iter(parameters.anew, None))
    return attempts(lambda: _run_stages(next(each)))


def _say_again(attempt: RetryCallState) -> None:
    if attempt.outcome and isinstance(error := attempt.outcome.exception(), BacktestError):
        logger.warning("%s", one_line(error))
    logger.warning("backtest: starting again from the first stage; finished work is kept")


def _can_be_made_again(error: BaseException | None) -> bool:
    """Return whether a retry can succeed.

    It can after a damaged file, which was deleted; orders or another file replaced by another run; and a strategy's
    source or a ratings file that changed during the run.
    """
    if error is None:
        return False
    if isinstance(error, StageError):
        return any(map(_can_be_made_again, error.failures))
    again = DamagedFileError | ChangedFileError | ReplacedOrdersError | ChangedSourceError
    return isinstance(error, again) or _can_be_made_again(error.__cause__)


def _run_stages(parameters: BacktestParameters) -> BacktestReport:
    with without_heartbeats():
        archives = read_archives(parameters)
        stages = {"extract": run_stage(extract, parameters)}
        if parameters.ratings_source:
            stages["ratings"] = run_stage(ratings, parameters)
        stages["simulate"] = run_stage(simulate, parameters)
        check_unchanged(parameters, archives)
        stages["aggregate"] = aggregated = run_stage(aggregate, parameters)
        check_unchanged(parameters, archives)
    report = read_report(aggregated.run, parameters.lake, aggregated.page).model_copy(update={"stages": stages})
    show_report(report)
    return report
