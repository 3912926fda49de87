"""The whole: extract, ratings, simulate, aggregate."""

from prefect import flow

from flows.aggregate import aggregate
from flows.extract import extract
from flows.parameters import BacktestParameters
from flows.ratings import ratings
from flows.report import BacktestReport, read_report
from flows.simulate import plan_run, simulate


@flow(name="backtest", persist_result=False)
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
    parameters.check()
    stages = {"extract": extract(parameters)}
    if parameters.ratings_model:
        stages["ratings"] = ratings(parameters)
    stages["simulate"] = simulate(parameters)
    stages["aggregate"] = aggregate(parameters)
    return read_report(plan_run(parameters).run.id, parameters.lake).model_copy(update={"stages": stages})
