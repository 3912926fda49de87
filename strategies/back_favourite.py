"""Back the favourite: the plainest strategy there is, and the one to copy when writing another."""

import math
from typing import Any, ClassVar

from betfairlightweight.resources import MarketBook
from flumine.markets.market import Market
from pydantic import Field

from strategies.base import Strategy, StrategyParameters


class BackFavouriteParameters(StrategyParameters):
    """What `back_favourite` can be told."""

    stake: float = Field(5, gt=0, description="Stake of each bet, in the account's currency")


class BackFavourite(Strategy):
    """Once a market, back the runner with the lowest last traded price at that price."""

    Parameters: ClassVar[type[StrategyParameters]] = BackFavouriteParameters
    parameters: BackFavouriteParameters

    def __init__(self, parameters: BackFavouriteParameters, **flumine: Any) -> None:  # noqa: ANN401 - flumine's own arguments
        super().__init__(parameters, **flumine)
        self._backed: set[str] = set()

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Act once, when the off is near."""
        return market_book.market_id not in self._backed and self.is_near_off(market, market_book)

    def wakes_at(self, market: Market, market_book: MarketBook) -> float:  # noqa: ARG002 - its base's
        """Tell when the off is near, or never when it has bet."""
        return -math.inf if market_book.market_id in self._backed else self._near_off_at(market_book)

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Back the favourite, if any runner has traded yet."""
        traded = [r for r in market_book.runners if r.status == "ACTIVE" and r.last_price_traded]
        if traded:
            favourite = min(traded, key=lambda runner: runner.last_price_traded)
            self._backed.add(market_book.market_id)
            self.place(market, favourite, "BACK", favourite.last_price_traded, self.parameters.stake)

    def remove_market(self, market_id: str) -> None:
        """Forget a closed market."""
        self._backed.discard(market_id)
        super().remove_market(market_id)
