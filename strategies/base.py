"""What every strategy of this folder shares: parameters as a frozen model, ratings as plain dictionaries."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from betfairlightweight.resources import MarketBook, RunnerBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from pydantic import BaseModel, ConfigDict, Field

# Market id to selection id to rated price (decimal odds): a look-up on a tick costs two dictionary accesses.
Ratings = Mapping[str, Mapping[int, float]]


class StrategyParameters(BaseModel):
    """What every strategy of this folder can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seconds_to_start: float = Field(60, gt=0, description="Act within this many seconds before the scheduled off")
    max_order_exposure: float = Field(
        10_000, gt=0, description="Most that one order may lose; flumine refuses larger ones"
    )
    max_selection_exposure: float = Field(
        10_000, gt=0, description="Most that one runner may lose; flumine refuses what exceeds it"
    )


class Strategy(BaseStrategy):  # type: ignore[misc]  # flumine ships no types
    """A flumine strategy that takes its parameters as one model.

    Attributes:
        Parameters: The model; its fields are what a user may set.
        parameters: The values of this variant.
    """

    Parameters: ClassVar[type[StrategyParameters]] = StrategyParameters

    def __init__(self, parameters: StrategyParameters, **flumine: Any) -> None:  # noqa: ANN401 - flumine's own arguments
        self.parameters = parameters
        super().__init__(
            max_order_exposure=parameters.max_order_exposure,
            max_selection_exposure=parameters.max_selection_exposure,
            **flumine,
        )

    def is_near_off(self, market: Market, market_book: MarketBook) -> bool:
        """Tell whether a market is open, not in-play, and within `seconds_to_start` of its scheduled off.

        Args:
            market: The market.
            market_book: Its book now.

        Returns:
            True from that moment on, through a delay, until the off.
        """
        return (
            market_book.status == "OPEN"
            and not market_book.inplay
            and market.seconds_to_start <= self.parameters.seconds_to_start
        )

    def wakes_at(self, market: Market, market_book: MarketBook) -> float:  # noqa: ARG002 - of those that can tell
        """Tell when it may next act in a market, so that a backtest can pass over the books before.

        What it tells must hold whatever prices do, until the market's definition changes: its status or its scheduled
        off. It concerns `check_market_book` only, which must return False at all those books.

        Args:
            market: The market.
            market_book: Its book, which the strategy has seen.

        Returns:
            Seconds before the scheduled off; infinity to see every book, negative infinity for never.
        """
        return math.inf

    def _near_off_at(self, market_book: MarketBook) -> float:
        """Tell when `is_near_off` may next be true, in seconds before the scheduled off."""
        is_open = market_book.status == "OPEN" and not market_book.inplay
        return self.parameters.seconds_to_start if is_open else -math.inf

    def place(self, market: Market, runner: RunnerBook, side: str, price: float, size: float) -> None:
        """Place a limit order that lapses at the off, as a trade of its own.

        Args:
            market: The market.
            runner: The runner.
            side: BACK or LAY.
            price: Decimal odds.
            size: Stake, in the account's currency.
        """
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order(side=side, order_type=LimitOrder(price=price, size=size)))
