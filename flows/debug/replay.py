"""One replay in this process, of strategies as their files are now, and what it prints."""

from collections.abc import Sequence

import pandas as pd

from flows.command_line.debug_options import Ask
from flows.debug.figures import Debugged, print_debugged
from flows.debug.markets import Markets
from flows.parameters import BacktestParameters
from flows.strategy_choice import check_allowed
from flows.strategy_text import read_strategy
from tasks.aggregation.settlement import settle
from tasks.aggregation.worth import value
from tasks.errors import StrategyError
from tasks.orders.job import ReplayJob
from tasks.orders.session import divide
from tasks.simulation.replay import replay_openly
from tasks.simulation.write_orders import orders_table
from tasks.variants.strategy_class import find_strategy


def debug(ask: Ask, strategies: Sequence[str], markets: Markets) -> None:
    """Replay strategies on markets and print their orders.

    Raises:
        BaseException: Whatever a strategy or its module raised, with its traceback.
        BacktestError: Something else is wrong, in one line.
    """
    for text in strategies:
        _import_openly(text)
    parameters = ask(strategies)
    parameters.forewarn()
    print_debugged(_replay(parameters, markets))


def _import_openly(text: str) -> None:
    """Import a strategy's module; what that raises is the user's to see, not to be told of."""
    name, _ = read_strategy(text)
    check_allowed(name)
    try:
        find_strategy(name)
    except StrategyError as error:
        raise error.__cause__ or error from None


def _replay(parameters: BacktestParameters, markets: Markets) -> Debugged:
    lake, variants = parameters.opened_lake, parameters.variants
    sessions = tuple(divide(markets.catalogue, parameters.session))
    replayed = replay_openly(ReplayJob(lake, sessions, variants, markets.ratings))
    tables = [orders_table(variant.id, replayed[variant.id].rows).to_pandas() for variant in variants]
    valued = value(pd.concat(tables, ignore_index=True), markets.catalogue, markets.runners, parameters.session)
    settled = settle(valued.orders, markets.catalogue, parameters.commission_rate)
    return Debugged(variants, markets, replayed, valued, settled)
