"""The way of the published tutorial, as the thing to compare with.

Unpack by hand, look ratings up in pandas on every tick, ask for every order again on every tick until flumine's
controls refuse it, eight markets a process, one CSV.

    python benchmarks/tutorial.py FOLDER PREDICTIONS.csv ORDERS.csv [--workers N]

Written for flumine 3.3 from the tutorial's description; only as good as it has to be.
"""

import argparse
import bz2
import csv
import json
import logging
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from flumine import BaseStrategy, FlumineSimulation, clients
from flumine.controls.loggingcontrols import LoggingControl
from flumine.order.order import OrderStatus
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

MARKETS_A_PROCESS = 8
FIELDS = ["market_id", "selection_id", "side", "price", "price_matched", "size", "size_matched", "profit"]


class FlatBetting(BaseStrategy):
    """Back above the rating, lay below it, five a bet, from a minute before the off."""

    def __init__(self, ratings: pd.DataFrame, **flumine: Any) -> None:
        super().__init__(**flumine)
        self.ratings = ratings

    def check_market_book(self, market, market_book) -> bool:
        return market_book.status != "CLOSED"

    def process_market_book(self, market, market_book) -> None:
        if market.seconds_to_start > 60 or market_book.inplay:
            return
        for runner in market_book.runners:
            if runner.status != "ACTIVE" or not runner.ex.available_to_back or not runner.ex.available_to_lay:
                continue
            try:
                if runner.ex.available_to_back[0]["price"] > self._rating(market_book, runner):
                    self._place(market, runner, "BACK", runner.ex.available_to_back[0]["price"])
                if runner.ex.available_to_lay[0]["price"] < self._rating(market_book, runner):
                    self._place(market, runner, "LAY", runner.ex.available_to_lay[0]["price"])
            except KeyError:
                continue

    def _rating(self, market_book, runner) -> float:
        return self.ratings.loc[market_book.market_id].loc[str(runner.selection_id)]["rating"]

    def _place(self, market, runner, side, price) -> None:
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order(side=side, order_type=LimitOrder(price=price, size=5.0)))


class CsvLog(LoggingControl):
    """Appends each cleared market's orders to a CSV, from whichever process it is in."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def _process_cleared_orders_meta(self, event) -> None:
        with Path(self.path).open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            for order in event.event:
                if order.status != OrderStatus.VIOLATION:
                    writer.writerow(
                        {
                            "market_id": order.market_id,
                            "selection_id": order.selection_id,
                            "side": order.side,
                            "price": order.order_type.price,
                            "price_matched": order.average_price_matched,
                            "size": order.order_type.size,
                            "size_matched": order.size_matched,
                            "profit": order.profit,
                        }
                    )


def run(files: list[str], predictions: str, output: str) -> None:
    """Simulate some markets, as one process of the tutorial does."""
    logging.getLogger("flumine").setLevel(logging.CRITICAL)
    ratings = pd.read_csv(predictions, dtype=str)
    ratings["market_id"] = ratings["market_id"].str.ljust(11, "0")
    ratings["rating"] = ratings["rating"].astype(float)
    ratings = ratings.drop_duplicates(["market_id", "selection_id"]).set_index(["market_id", "selection_id"])
    framework = FlumineSimulation(clients.SimulatedClient())
    listener = {"inplay": False, "seconds_to_start": 80}
    framework.add_strategy(
        FlatBetting(
            ratings.sort_index(),
            streams=[BetfairHistoricalStream(file_path=file, listener_kwargs=listener) for file in files],
            max_order_exposure=10_000,
            max_selection_exposure=10_000,
            max_trade_count=1,
            max_live_trade_count=1,
        )
    )
    framework.add_logging_control(CsvLog(output))
    framework.run()


def is_win(path: Path) -> bool:
    """Read the type off the first definition, as the tutorial's filter does."""
    with bz2.open(path) as file:
        definition = json.loads(file.readline())["mc"][0].get("marketDefinition", {})
    return definition.get("marketType") == "WIN"


def main() -> None:
    """Simulate a folder of unpacked markets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("predictions")
    parser.add_argument("output")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    files = [str(path) for path in sorted(arguments.folder.rglob("*.bz2")) if is_win(path)]
    batches = [files[start : start + MARKETS_A_PROCESS] for start in range(0, len(files), MARKETS_A_PROCESS)]
    with ProcessPoolExecutor(arguments.workers, max_tasks_per_child=None) as pool:
        jobs = [pool.submit(run, batch, arguments.predictions, arguments.output) for batch in batches]
        for job in jobs:
            job.result()


if __name__ == "__main__":
    main()
