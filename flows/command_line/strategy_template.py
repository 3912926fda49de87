"""My strategy: backs the favourite shortly before the off, once a market."""

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy
from flumine.markets.market import Market
from flumine.order.order import BaseOrder, OrderStatus
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from flumine.utils import get_price


class MyStrategy(BaseStrategy):  # type: ignore[misc]  # flumine ships no types
    """A plain flumine strategy: the same class runs live.

    The arguments of its constructor are the parameters of a backtest:
    `--strategy my.py:MyStrategy:stake=5,highest_price=3` is one variant, `backtest sweep … --set stake=2,5` are two.
    """

    def __init__(
        self,
        stake: float = 2.0,  # in the account's currency
        highest_price: float = 4.0,  # decimal odds
        seconds_to_start: float = 60,  # act from so many seconds before the scheduled off
        **flumine: object,  # flumine's own: max_order_exposure, max_live_trade_count, …
    ) -> None:
        super().__init__(**flumine)
        self.stake, self.highest_price, self.seconds_to_start = stake, highest_price, seconds_to_start
        # By market: live, one instance sees all of them, where in a backtest each market meets a fresh one.
        self.bet_in: set[str] = set()

    def check_market_book(self, market: Market, market_book: MarketBook) -> bool:
        """Say whether `process_market_book` is called for this book; keep it quick, it sees every update."""
        is_open = market_book.status == "OPEN" and not market_book.inplay
        return is_open and market.market_id not in self.bet_in and market.seconds_to_start <= self.seconds_to_start

    def process_market_book(self, market: Market, market_book: MarketBook) -> None:
        """Look at the book, and bet."""
        priced = [runner for runner in market_book.runners if runner.status == "ACTIVE" and runner.ex.available_to_back]
        if not priced:
            return
        # The first of available_to_back is the best price at which a back is matched at once.
        favourite = min(priced, key=lambda runner: get_price(runner.ex.available_to_back, 0))
        price = get_price(favourite.ex.available_to_back, 0)
        if price <= self.highest_price:
            trade = Trade(market.market_id, favourite.selection_id, favourite.handicap, self)
            market.place_order(trade.create_order(side="BACK", order_type=LimitOrder(price=price, size=self.stake)))
            self.bet_in.add(market.market_id)

    def process_orders(self, market: Market, orders: list[BaseOrder]) -> None:
        """Look after orders; called with all of this market's, after every update."""
        for order in orders:
            # What is not matched within ten seconds is taken back.
            if order.status == OrderStatus.EXECUTABLE and (order.elapsed_seconds or 0) > 10:  # noqa: PLR2004 - an example
                market.cancel_order(order)

    def remove_market(self, market_id: str) -> None:
        """Forget a market that is over."""
        self.bet_in.discard(market_id)
        super().remove_market(market_id)
