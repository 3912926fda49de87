"""Bet a model's rated prices against the market's."""

import math
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal

from betfairlightweight.resources import MarketBook, RunnerBook
from flumine.markets.market import Market
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from strategies.base import Ratings, Strategy, StrategyParameters

_SIDES = {"both": ("BACK", "LAY"), "back": ("BACK",), "lay": ("LAY",)}

_HAIR = 1e-9


def _split(given: object) -> object:
    return given.split("+") if isinstance(given, str) else given


def _in_one_way(names: list[str]) -> list[str]:
    # Their order and capitals must not make another variant.
    return sorted({name.strip().casefold() for name in names} - {""})


Names = Annotated[list[str], BeforeValidator(_split), AfterValidator(_in_one_way)]


class RatedPriceParameters(StrategyParameters):
    """What `rated_price` can be told."""

    staking: Literal["flat", "proportional"] = Field(
        "flat", description="flat: `stake` on each bet; proportional: `target` / (price − 1)"
    )
    stake: float = Field(5, gt=0, description="Stake of each flat bet, in the account's currency")
    target: float = Field(10, gt=0, description="Profit of a back, liability of a lay, when proportional")
    max_stake: float | None = Field(
        None, gt=0, description="Larger stakes are cut to this; of a lay, too, it is the stake and not the liability"
    )
    sides: Literal["both", "back", "lay"] = Field(
        "both", description="Which bets to make: backs above the rating, lays below it, or both"
    )
    min_edge: float = Field(
        0, ge=0, description="Least edge, as a fraction: of a back price / rating − 1, of a lay rating / price − 1"
    )
    min_price: float = Field(1.01, ge=1.01, le=1000, description="Lowest price to bet at, decimal odds")
    max_price: float = Field(1000, ge=1.01, le=1000, description="Highest price to bet at, decimal odds")
    venues: Names = Field(
        [], description="Tracks to bet at; none means all; + joins them on the command line: Devonport+The Meadows"
    )
    countries: Names = Field(
        [], description="Country codes to bet in; none means all; + joins them on the command line: AU+NZ"
    )

    @field_validator("max_price")
    @classmethod
    def _is_a_band(cls, max_price: float, before: ValidationInfo) -> float:
        min_price = before.data.get("min_price", max_price)
        if max_price < min_price:
            raise ValueError(f"{max_price:g} is below min_price {min_price:g}, which leaves no price to bet at")
        return max_price


class RatedPrice(Strategy):
    """One trade a runner: back at the best back price when it is above the rating, lay at the best lay when below."""

    Parameters: ClassVar[type[StrategyParameters]] = RatedPriceParameters
    parameters: RatedPriceParameters

    def __init__(self, parameters: RatedPriceParameters, ratings: Ratings, **flumine: Any) -> None:  # noqa: ANN401 - flumine's own arguments
        super().__init__(parameters, **flumine)
        self._ratings = ratings
        self._sides = _SIDES[parameters.sides]
        # 3.3 / 3 − 1 is a hair below 0.1 in floating point, and meant to be 0.1.
        self._edge_below = parameters.min_edge - _HAIR
        # What is left to bet in each market, so that a tick costs nothing for runners that were traded.
        self._untraded: dict[str, dict[int, float]] = {}

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Act when the off is near, in markets that have rated runners left to bet."""
        market_id = market_book.market_id
        untraded = self._untraded.get(market_id)
        if untraded is None:
            untraded = self._untraded[market_id] = self._rated(market_book)
        return bool(untraded) and self.is_near_off(market, market_book)

    def wakes_at(self, market: Market, market_book: MarketBook) -> float:  # noqa: ARG002 - its base's
        """Tell when the off is near, or never when no rated runner is left to bet."""
        return self._near_off_at(market_book) if self._untraded[market_book.market_id] else -math.inf

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet each rated runner that was not traded yet; one without a rating or with an empty ladder is skipped."""
        untraded = self._untraded[market_book.market_id]
        for runner in market_book.runners:
            rating = untraded.get(runner.selection_id)
            if rating is None or runner.status != "ACTIVE":
                continue
            backs, lays = runner.ex.available_to_back, runner.ex.available_to_lay
            if not backs or not lays:
                continue
            best_back, best_lay = backs[0]["price"], lays[0]["price"]
            if best_back > rating:
                if self._wants("BACK", best_back, best_back / rating - 1):
                    self._bet(market, runner, "BACK", best_back)
            elif best_lay < rating and self._wants("LAY", best_lay, rating / best_lay - 1):
                self._bet(market, runner, "LAY", best_lay)

    def remove_market(self, market_id: str) -> None:
        """Forget a closed market."""
        self._untraded.pop(market_id, None)
        super().remove_market(market_id)

    def _rated(self, market_book: MarketBook) -> dict[int, float]:
        definition, told = market_book.market_definition, self.parameters
        if _is_among(definition.venue, told.venues) and _is_among(definition.country_code, told.countries):
            return dict(self._ratings.get(market_book.market_id, {}))
        return {}

    def _wants(self, side: str, price: float, edge: float) -> bool:
        told = self.parameters
        return edge > self._edge_below and side in self._sides and told.min_price <= price <= told.max_price

    def _bet(self, market: Market, runner: RunnerBook, side: str, price: float) -> None:
        # Flumine's own count also knows the trades of a live session before this one.
        context = self.get_runner_context(market.market_id, runner.selection_id, runner.handicap)
        if not context.trade_count:
            self.place(market, runner, side, price, self._size(price))
        if context.trade_count:
            del self._untraded[market.market_id][runner.selection_id]

    def _size(self, price: float) -> float:
        told = self.parameters
        size = told.stake if told.staking == "flat" else round(told.target / (price - 1), 2)
        return size if told.max_stake is None else min(size, told.max_stake)


def _is_among(name: str | None, names: Collection[str]) -> bool:
    return not names or (name or "").casefold() in names
