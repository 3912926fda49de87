"""What a variant has of its own in a market: a client and a quiet flumine framework."""

import logging

from flumine.clients import SimulatedClient

from tasks.variants.settings import SimulationSettings
from tasks.variants.variant import Account


def quiet() -> None:
    """Silence flumine's logger: it logs every order, and every exception it continues after."""
    logger = logging.getLogger("flumine")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False


def make_client(username: str, account: Account, settings: SimulationSettings) -> SimulatedClient:
    """Make a variant's client.

    Args:
        username: The variant's id.
        account: Currency, discount rate and minimum stake.
        settings: The client's limits, and how its orders are matched.
    """
    kind = SimulatedClient if account.min_stake is None else _with_min_stake(account.min_stake)
    client = kind(username=username, **settings.client)
    client.CURRENCY_CODE, client.DISCOUNT_RATE = account.currency, account.discount_rate
    return client


def _with_min_stake(min_stake: float) -> type[SimulatedClient]:
    class Client(SimulatedClient):  # type: ignore[misc]  # flumine ships no types
        min_bet_size = min_stake

    return Client
