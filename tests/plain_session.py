"""The judge of sessions: what plain flumine makes of a strategy in markets of one event group, by its own loop.

As `plain_flumine.py`, which judges single markets, it has nothing of this project between.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import format_exception
from typing import Any

from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient
from flumine.simulation.utils import SimulatedDateTime
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream
from plain_flumine import Messages, Order, Raised, describe, flumine_as_imported, write_market


def orders_of_session(
    session: Mapping[str, Messages],
    make_strategy: Callable[[], BaseStrategy],
    listener_kwargs: Mapping[str, Any],
    available_prices: bool = False,
) -> list[Order] | Raised:
    """Let plain flumine replay the markets of a session for one strategy, interleaved by the time of their books.

    Args:
        session: Messages by market, in the order in which flumine is given the markets.
        make_strategy: Makes the strategy, without streams.
        listener_kwargs: Of flumine's historical stream: `inplay`, `seconds_to_start` and so on.
        available_prices: Flumine's setting `simulation_available_prices`.

    Returns:
        The orders of each market in the order of placing, markets in the order in which they began, or what was raised.
    """
    with tempfile.TemporaryDirectory() as folder, flumine_as_imported():
        config.raise_errors = True
        config.simulation_available_prices = available_prices
        try:
            streams = [
                _stream(write_market(messages, Path(folder) / market_id), listener_kwargs)
                for market_id, messages in session.items()
            ]
            framework = FlumineSimulation(SimulatedClient(username="plain"))
            strategy = make_strategy()
            strategy.streams = streams
            framework.add_strategy(strategy)
            framework.run()
            return [order for market in framework.markets for order in describe(market)]
        except Exception as error:  # noqa: BLE001 - what flumine raises is an answer too
            return Raised(type(error).__name__, str(error), "".join(format_exception(error)))


def _stream(path: Path, listener_kwargs: Mapping[str, Any]) -> BetfairHistoricalStream:
    stream = BetfairHistoricalStream(
        file_path=str(path), listener_kwargs=dict(listener_kwargs), event_processing=True, event_group="session"
    )
    stream.market_filter = path.name  # flumine's log asks for it, and only live streams have one
    if not _has_book(path, listener_kwargs):
        # Flumine cannot begin a group that has a market without a book; by itself it is played, and gives nothing.
        stream.event_group = None
    return stream


def _has_book(path: Path, listener_kwargs: Mapping[str, Any]) -> bool:
    alone = BetfairHistoricalStream(file_path=str(path), listener_kwargs=dict(listener_kwargs))
    with SimulatedDateTime():  # betfairlightweight remembers the times that it made, of whichever class
        return next(alone.create_generator()(), None) is not None
