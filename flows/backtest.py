"""The whole: extract, ratings, simulate, aggregate."""

from prefect import flow

from flows.aggregate import aggregate
from flows.artifacts import show_report
from flows.events import announce_completed, announce_failed
from flows.extract import extract
from flows.parameters import BacktestParameters
from flows.ratings import ratings
from flows.report import BacktestReport, read_report
from flows.simulate import simulate


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
    stages = {"extract": extract(parameters)}
    if parameters.ratings_model:
        stages["ratings"] = ratings(parameters)
    stages["simulate"] = simulate(parameters)
    stages["aggregate"] = aggregated = aggregate(parameters)
    report = read_report(aggregated.run, parameters.lake).model_copy(update={"stages": stages})
    show_report(report, parameters.reject_sources)
    return report
