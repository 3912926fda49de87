"""What a variant has of its own in a market: a client, and a quiet flumine framework."""

import logging

from flumine.clients import SimulatedClient

from tasks.variants.settings import SimulationSettings
from tasks.variants.variant import Account


def quiet() -> None:
    """Keep flumine's log to itself: it logs every order, and what it goes on after."""
    logger = logging.getLogger("flumine")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False


def make_client(username: str, account: Account, settings: SimulationSettings) -> SimulatedClient:
    """Make the client of one variant in one market.

    Args:
        username: The variant's id.
        account: Currency, discount and least stake.
        settings: What it lets through, and how its orders are matched.

    Returns:
        The client.
    """
    kind = SimulatedClient if account.min_stake is None else _with_min_stake(account.min_stake)
    client = kind(username=username, **settings.client)
    client.CURRENCY_CODE, client.DISCOUNT_RATE = account.currency, account.discount_rate
    return client


def _with_min_stake(min_stake: float) -> type[SimulatedClient]:
    class Client(SimulatedClient):  # type: ignore[misc]  # flumine ships no types
        min_bet_size = min_stake

    return Client
