"""The whole: extract, ratings, simulate, aggregate."""

import logging
from itertools import chain

from prefect import flow
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from flows.aggregate import aggregate
from flows.artifacts import show_report
from flows.backtest_report import BacktestReport, read_report
from flows.events import announce_completed, announce_failed, one_line
from flows.extract import extract
from flows.parameters import BacktestParameters
from flows.ratings import ratings
from flows.simulate import simulate
from flows.stages import run_stage
from tasks.errors import BacktestError, ChangedSourceError, DamagedFileError, ReplacedOrdersError, StageError

logger = logging.getLogger("backtest")

# A disk that damages whatever it is given is not worked on for ever.
_MOST_REPAIRS = 5


@flow(name="backtest", flow_run_name="backtest {parameters.title}", persist_result=False)
def backtest(parameters: BacktestParameters) -> BacktestReport:
    """Backtest strategies on archives: one replay for all variants, commission by the market's own rate.

    Args:
        parameters: What to backtest.

    Returns:
        What each stage did and the figures of each variant.

    Raises:
        InputError: A parameter is wrong; nothing was done.
        StageError: A stage could not do all that was asked; what it did is kept.
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
    # What was worked out for the checks holds for the first attempt; after it, a source or a file may be another.
    each = chain([parameters], iter(parameters.anew, None))
    return attempts(lambda: _run_stages(next(each)))


def _say_again(attempt: RetryCallState) -> None:
    if attempt.outcome and isinstance(error := attempt.outcome.exception(), BacktestError):
        logger.warning("%s", one_line(error))
    logger.warning("backtest: once more from the first stage; what is whole is not done again")


def _can_be_made_again(error: BaseException | None) -> bool:
    """Return whether any of what went wrong would go well another time.

    That is a damaged file, which was deleted; orders that another run replaced by its own; a strategy whose source, or
    a ratings file that, was saved while the run was under way.
    """
    if error is None:
        return False
    if isinstance(error, StageError):
        return any(map(_can_be_made_again, error.failures))
    return isinstance(error, DamagedFileError | ReplacedOrdersError | ChangedSourceError) or _can_be_made_again(
        error.__cause__
    )


def _run_stages(parameters: BacktestParameters) -> BacktestReport:
    stages = {"extract": run_stage(extract, parameters)}
    if parameters.ratings_source:
        stages["ratings"] = run_stage(ratings, parameters)
    stages["simulate"] = run_stage(simulate, parameters)
    stages["aggregate"] = aggregated = run_stage(aggregate, parameters)
    report = read_report(aggregated.run, parameters.lake, aggregated.page).model_copy(update={"stages": stages})
    show_report(report)
    return report
