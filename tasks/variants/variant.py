"""A variant: a strategy with its parameters, and all else that decides which orders it places in a market."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from strategies import STRATEGIES
from tasks.errors import StrategyError
from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.variants.dependencies.own_modules import forget_changed_modules
from tasks.variants.dependencies.record import dependencies_of
from tasks.variants.own_strategy import check_nothing_hidden, import_path
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.variants.strategy_class import check_parameters, find_strategy, takes_ratings
from tasks.windows.window import Window

VERSION = 3

# Whose market books a strategy sees: this project's, or flumine's own, equal and slower.
LEAN, FLUMINE = "lean", "flumine"

_DIGITS = 8


class Account(NamedTuple):
    """The account that the simulated bets are placed with.

    Attributes:
        currency: ISO 4217; decides the exchange's smallest bet.
        discount_rate: Of the commission, per cent.
        min_stake: The least size of a bet, in the currency; None takes betfairlightweight's.
    """

    currency: str = "GBP"
    discount_rate: float = 0
    min_stake: float | None = None


class Variant(NamedTuple):
    """A strategy with its parameters.

    Attributes:
        name: The strategy's name or import path.
        parameters: All of them, defaults included.
        ratings: The model whose ratings it is given; empty where it takes none.
        window: The part of each market that is replayed.
        account: What it bets with.
        engine: `lean` or `flumine`: whose market books it sees, equal as they are.
        source: Digest of the strategy's own modules, and the versions of what they import.
        fingerprint: Of all that is here and the versions of flumine and betfairlightweight.
        settings: Flumine's simulation as the run sets it.
        session: What one instance of the strategy is kept for: `market`, `event`, `day` or `run`.
    """

    name: str
    parameters: dict[str, Any]
    ratings: str
    window: str
    account: Account
    engine: str
    source: str
    fingerprint: str
    settings: SimulationSettings = DEFAULT_SETTINGS
    session: str = "market"

    @property
    def id(self) -> str:
        """What the lake and the results call it: `rated_price-1f0c2a9b`."""
        return f"{re.sub(r'[^0-9A-Za-z_]+', '.', self.name)}-{self.fingerprint[:_DIGITS]}"

    @property
    def is_ours(self) -> bool:
        """Whether its strategy is this project's, by its name there."""
        return self.name in STRATEGIES

    @property
    def listener_kwargs(self) -> dict[str, bool | float]:
        """What flumine's historical listener is given."""
        return {**Window.parse(self.window).listener_kwargs, **self.settings.listener_kwargs}


def unseen(variants: Iterable[Variant]) -> list[str]:
    """Return which variants are to act at a time that their window does not show them.

    Args:
        variants: A run's.

    Returns:
        A sentence for each strategy and each `seconds_to_start` that it is told, without a full stop.

    Raises:
        StrategyError: A strategy of this project can never bet: it bets before the off alone, and sees what follows it.
    """
    said = []
    for variant in variants:
        window, acts_from = Window.parse(variant.window), variant.parameters.get("seconds_to_start")
        if isinstance(acts_from, bool) or not isinstance(acts_from, int | float):
            continue
        told = f"{variant.name} acts from {acts_from:g} s before the off"
        if window.inplay:
            if variant.is_ours:
                raise StrategyError(
                    f"{told} until the market is in-play, and the window {variant.window} has nothing else: it can "
                    "never bet; give another --window"
                )
            said.append(f"{told}, but the window {variant.window} begins in-play; it sees nothing before")
        elif window.seconds_to_start is not None and acts_from > window.seconds_to_start:
            begins = _when(window.seconds_to_start)
            said.append(f"{told}, but the window {variant.window} begins {begins}; it sees nothing before")
    return list(dict.fromkeys(said))


def _when(seconds_to_start: float) -> str:
    return (
        f"{abs(seconds_to_start):g} s {'before' if seconds_to_start > 0 else 'after'} it"
        if seconds_to_start
        else "at it"
    )


def make_variant(  # noqa: PLR0913 - what decides a variant is what it is
    name: str,
    parameters: Mapping[str, Any],
    *,
    ratings: str,
    window: str,
    account: Account,
    engine: str = LEAN,
    settings: SimulationSettings = DEFAULT_SETTINGS,
    session: str = "market",
) -> Variant:
    """Make a variant of what a user asked for.

    Args:
        name: The strategy's name, `path/to/my.py:MyStrategy`, or `module:Class`.
        parameters: Those that were set.
        ratings: The ratings' model; empty where there are none.
        window: The part of each market that is replayed.
        account: What it bets with.
        engine: `lean` or `flumine`.
        settings: Flumine's simulation as the run sets it.
        session: What one instance of the strategy is kept for: `market`, `event`, `day` or `run`.

    Returns:
        The variant, its parameters complete.

    Raises:
        StrategyError: No such strategy, a parameter it does not have, or ratings that it needs and has not.
    """
    forget_changed_modules()
    strategy = find_strategy(name)
    complete = check_parameters(name, parameters)
    if takes_ratings(strategy) and not ratings:
        raise StrategyError(f"{name} bets on ratings and was given none; add iggy, kash or a CSV file as ratings")
    model = ratings if takes_ratings(strategy) else ""
    used = dependencies_of(strategy)
    if name not in STRATEGIES:
        check_nothing_hidden(name, used.modules)
        name = import_path(name)
    decided_by = fingerprint(
        "variant",
        version=VERSION,
        name=name,
        parameters=complete,
        ratings=model,
        window=window,
        # Whoever gives no least stake has the variant that it was before there was one to give.
        account=account if account.min_stake is not None else account[:-1],
        replay=engine,
        source=used.digest,
        settings=settings.model_dump(),
        session=session,
        engine=ENGINE,
    )
    return Variant(name, complete, model, window, account, engine, used.digest, decided_by, settings, session)
