"""Bet a model's rated prices against the market's."""

from typing import Any, ClassVar, Literal

from betfairlightweight.resources import MarketBook, RunnerBook
from flumine.markets.market import Market
from pydantic import Field

from strategies.base import Ratings, Strategy, StrategyParameters


class RatedPriceParameters(StrategyParameters):
    """What `rated_price` can be told."""

    staking: Literal["flat", "proportional"] = Field(
        "flat", description="flat: `stake` on each bet; proportional: `target` / (price − 1)"
    )
    stake: float = Field(5, gt=0, description="Stake of each flat bet, in the account's currency")
    target: float = Field(10, gt=0, description="Profit of a back, liability of a lay, when proportional")


class RatedPrice(Strategy):
    """One trade a runner: back at the best back price when it is above the rating, lay at the best lay when below."""

    Parameters: ClassVar[type[StrategyParameters]] = RatedPriceParameters
    parameters: RatedPriceParameters

    def __init__(self, parameters: RatedPriceParameters, ratings: Ratings, **flumine: Any) -> None:  # noqa: ANN401 - flumine's own arguments
        super().__init__(parameters, **flumine)
        self._ratings = ratings
        # What is left to bet in each market, so that a tick costs nothing for runners that were traded.
        self._untraded: dict[str, dict[int, float]] = {}

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Act when the off is near, in markets that have rated runners left to bet."""
        market_id = market_book.market_id
        untraded = self._untraded.get(market_id)
        if untraded is None:
            untraded = self._untraded[market_id] = dict(self._ratings.get(market_id, {}))
        return bool(untraded) and self.is_near_off(market, market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet each rated runner that was not traded yet; one without a rating or with an empty ladder is skipped."""
        untraded = self._untraded[market_book.market_id]
        for runner in market_book.runners:
            rating = untraded.get(runner.selection_id)
            if rating is None or runner.status != "ACTIVE":
                continue
            if not runner.ex.available_to_back or not runner.ex.available_to_lay:
                continue
            best_back, best_lay = runner.ex.available_to_back[0]["price"], runner.ex.available_to_lay[0]["price"]
            if best_back > rating:
                self._bet(market, runner, "BACK", best_back)
            elif best_lay < rating:
                self._bet(market, runner, "LAY", best_lay)

    def remove_market(self, market_id: str) -> None:
        """Forget a closed market."""
        self._untraded.pop(market_id, None)
        super().remove_market(market_id)

    def _bet(self, market: Market, runner: RunnerBook, side: str, price: float) -> None:
        # Flumine's own count also knows the trades of a live session before this one.
        context = self.get_runner_context(market.market_id, runner.selection_id, runner.handicap)
        if not context.trade_count:
            self.place(market, runner, side, price, self._size(price))
        if context.trade_count:
            del self._untraded[market.market_id][runner.selection_id]

    def _size(self, price: float) -> float:
        if self.parameters.staking == "flat":
            return self.parameters.stake
        return round(self.parameters.target / (price - 1), 2)
