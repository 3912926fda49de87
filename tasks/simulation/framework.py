"""A FlumineSimulation in which several variants bet side by side, each with a client of its own."""

import logging
from typing import Any

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient, VenueType
from flumine.execution.transaction import Transaction
from flumine.markets.market import Market
from flumine.order.order import BaseOrder

from tasks.simulation.variant import Account


class _RaiseLogged(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            raise record.exc_info[1]


def raise_what_is_swallowed() -> None:
    """Make flumine raise what it would only log: any exception of a strategy, also one of flumine's own kind."""
    config.raise_errors = True
    logger = logging.getLogger("flumine")
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logger.handlers = [_RaiseLogged()]


def make_client(username: str, account: Account) -> SimulatedClient:
    """Make the client of one variant.

    Args:
        username: The variant's id; names must differ within a framework.
        account: Currency and discount.

    Returns:
        The client.
    """
    client = SimulatedClient(username=username)
    client.CURRENCY_CODE, client.DISCOUNT_RATE = account.currency, account.discount_rate
    return client


class Simulation(FlumineSimulation):  # type: ignore[misc]  # flumine ships no types
    """Plain flumine, but that an order without a client is placed with its strategy's own.

    Flumine would take the first client for all, so that variants would share the exchange's hourly limit of
    transactions and so would not bet as each does alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.strategy_clients: dict[BaseStrategy, SimulatedClient] = {}

    def add_variant(self, strategy: BaseStrategy, client: SimulatedClient) -> None:
        """Add a strategy and its client.

        Args:
            strategy: With its streams set.
            client: Its own.
        """
        self.add_client(client)
        self.strategy_clients[strategy] = client
        self.add_strategy(strategy)
        # Flumine builds the list of all a strategy's stream ids on every tick unless it finds this set.
        strategy.historic_stream_ids = {stream.stream_id for stream in strategy.streams}

    def _add_market(self, market_id: str, market_book: MarketBook, venue_type: VenueType) -> Market:
        if venue_type != VenueType.BETFAIR:
            return super()._add_market(market_id, market_book, venue_type)
        market = VariantMarket(self, market_id, market_book)
        self.markets.add_market(market_id, market)
        for middleware in self._market_middleware:
            middleware.add_market(market)
        return market


class VariantMarket(Market):  # type: ignore[misc]
    """A market whose transactions find their client themselves."""

    def transaction(self, async_place_orders: bool | None = None, client: Any = None, **named: Any) -> Transaction:  # noqa: ANN401 - flumine's own arguments
        """Open a transaction, as flumine does; without a client it takes that of its first order."""
        if client is not None:
            return super().transaction(async_place_orders, client, **named)
        self._transaction_id += 1
        return VariantTransaction(
            self, id_=self._transaction_id, async_place_orders=bool(async_place_orders), client=None, **named
        )


class VariantTransaction(Transaction):  # type: ignore[misc]
    """Finds its client when the first order says whose it is."""

    _client: SimulatedClient | None

    def place_order(self, order: BaseOrder, *arguments: Any, **named: Any) -> bool:  # noqa: ANN401 - flumine's own arguments
        """Place an order, as flumine does."""
        if self._client is None:
            self._client = self.market.flumine.strategy_clients[order.trade.strategy]
        return bool(super().place_order(order, *arguments, **named))

    def cancel_order(self, order: BaseOrder, *arguments: Any, **named: Any) -> bool:  # noqa: ANN401 - flumine's own arguments
        """Cancel an order, as flumine does."""
        self._client = self._client or order.client
        return bool(super().cancel_order(order, *arguments, **named))

    def update_order(self, order: BaseOrder, *arguments: Any, **named: Any) -> bool:  # noqa: ANN401 - flumine's own arguments
        """Update an order, as flumine does."""
        self._client = self._client or order.client
        return bool(super().update_order(order, *arguments, **named))

    def replace_order(self, order: BaseOrder, *arguments: Any, **named: Any) -> bool:  # noqa: ANN401 - flumine's own arguments
        """Replace an order, as flumine does."""
        self._client = self._client or order.client
        return bool(super().replace_order(order, *arguments, **named))
