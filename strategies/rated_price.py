"""Bet a model's rated prices against the market's."""

from typing import Any, ClassVar, Literal

from betfairlightweight.resources import MarketBook
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

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Act when the off is near, in markets that have ratings."""
        return market_book.market_id in self._ratings and self.is_near_off(market, market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Bet each rated runner that was not traded yet; one without a rating or with an empty ladder is skipped."""
        ratings = self._ratings[market_book.market_id]
        for runner in market_book.runners:
            rating = ratings.get(runner.selection_id)
            if rating is None or runner.status != "ACTIVE":
                continue
            if not runner.ex.available_to_back or not runner.ex.available_to_lay:
                continue
            if self.get_runner_context(market_book.market_id, runner.selection_id, runner.handicap).trade_count:
                continue
            best_back, best_lay = runner.ex.available_to_back[0]["price"], runner.ex.available_to_lay[0]["price"]
            if best_back > rating:
                self.place(market, runner, "BACK", best_back, self._size(best_back))
            elif best_lay < rating:
                self.place(market, runner, "LAY", best_lay, self._size(best_lay))

    def _size(self, price: float) -> float:
        if self.parameters.staking == "flat":
            return self.parameters.stake
        return round(self.parameters.target / (price - 1), 2)
