"""A variant: a strategy with its parameters, and everything else that determines its orders in a market."""

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

# Whose market books a strategy sees: this project's, or flumine's, equal but slower.
LEAN, FLUMINE = "lean", "flumine"

_DIGITS = 8


class Account(NamedTuple):
    """The account that places the simulated bets.

    Attributes:
        currency: ISO 4217; determines the exchange's minimum bet.
        discount_rate: Discount on commission, per cent.
        min_stake: Minimum size of a bet, in the currency; None takes betfairlightweight's.
    """

    currency: str = "GBP"
    discount_rate: float = 0
    min_stake: float | None = None


class Variant(NamedTuple):
    """A strategy with its parameters.

    Attributes:
        name: The strategy's name or import path.
        parameters: As `check_parameters` returns them.
        ratings: The model of the ratings it is given; empty if none.
        window: The part of each market that is replayed.
        account: The account it bets with.
        engine: Whose market books it sees, `lean` or `flumine`; both are equal.
        source: Digest of the strategy's own modules.
        fingerprint: Of all these attributes and the versions of flumine and betfairlightweight.
        settings: The run's settings of flumine's simulation.
        session: The lifetime of an instance of the strategy: `market`, `event`, `day` or `run`.
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
        """Its id in the lake and the results: `rated_price-1f0c2a9b`."""
        return f"{re.sub(r'[^0-9A-Za-z_]+', '.', self.name)}-{self.fingerprint[:_DIGITS]}"

    @property
    def is_ours(self) -> bool:
        """Whether its strategy is one of this project's, given by name."""
        return self.name in STRATEGIES

    @property
    def listener_kwargs(self) -> dict[str, bool | float]:
        """The arguments of flumine's historical listener."""
        return {**Window.parse(self.window).listener_kwargs, **self.settings.listener_kwargs}


def unseen(variants: Iterable[Variant]) -> list[str]:
    """Return notices of variants that are to act before their window begins.

    Returns:
        A sentence per strategy and `seconds_to_start`, without full stop.

    Raises:
        StrategyError: A strategy of this project, which bets before the off only, has a window that begins in-play.
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


def make_variant(  # noqa: PLR0913 - a variant is all that determines it
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
    """Make a variant from a user's input.

    Args:
        name: The strategy's name, `path/to/my.py:MyStrategy`, or `module:Class`.
        parameters: Those that the user set.
        ratings: The ratings' model; empty if there is none.
        window: As in `Variant`; so are the arguments below.
        account: The account it bets with.
        engine: `lean` or `flumine`.
        settings: The run's settings of flumine's simulation.
        session: `market`, `event`, `day` or `run`.

    Raises:
        StrategyError: The strategy does not exist, does not take a parameter, or lacks the ratings that it needs.
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
        # Without a minimum stake, the fingerprint stays what it was before there was that option.
        account=account if account.min_stake is not None else account[:-1],
        replay=engine,
        source=used.digest,
        settings=settings.model_dump(),
        session=session,
        engine=ENGINE,
    )
    return Variant(name, complete, model, window, account, engine, used.digest, decided_by, settings, session)
