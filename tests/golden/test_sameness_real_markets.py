"""Real markets through flumine's own replay and ours: every book at every tick, and every order to the last cent."""

import csv
import os
import tarfile
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder, OrderTypes
from flumine.order.trade import Trade
from plain_flumine import orders_of as judged
from sameness import Messages, compare_streams, messages_of
from side_by_side import orders_of

from strategies.rated_price import RatedPrice, RatedPriceParameters
from tasks.windows.window import Window

ARCHIVE = "2022_03_MarGreyhoundsPro.tar"
# `make sameness` compares every book of every market; it takes twenty minutes.
WHOLE = bool(os.environ.get("BACKTEST_TEST_WHOLE"))
WINDOWS = ["80s", "all", "inplay", "-80s..60s"]


@pytest.fixture(scope="module")
def archive(data: Path) -> dict[str, tuple[str, Messages]]:
    """Market type and messages of each market of the archive."""
    found = {}
    with tarfile.open(data / ARCHIVE) as tar:
        for member in tar:
            raw = tar.extractfile(member)
            if raw:
                messages = list(messages_of(raw.read()))
                kind = orjson.loads(messages[0][1])["mc"][0]["marketDefinition"]["marketType"]
                found[Path(member.name).stem] = kind, messages
    return found


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("kind", ["WIN", "PLACE", "MATCH_BET", "EXACTA", "QUINELLA"])
def test_books_of_the_archive(archive: dict[str, tuple[str, Messages]], kind: str, window: str):
    of_kind = [messages for type_, messages in archive.values() if type_ == kind]
    # The shortest, for they are whole markets all the same: removals, images and suspensions included.
    some = 3 if (kind, window) == ("WIN", "80s") else 1
    for messages in sorted(of_kind, key=len)[: None if WHOLE else some]:
        assert compare_streams(messages, Window.parse(window))


@pytest.mark.parametrize("window", WINDOWS)
def test_books_of_other_providers_sports_and_years(data: Path, window: str):
    for path in sorted((data / "markets").glob("*.bz2")):
        messages = list(messages_of(path.read_bytes()))
        # Football is long: its last two thousand messages are in-play to the end.
        assert compare_streams(messages if WHOLE else [messages[0], *messages[1:][-2000:]], Window.parse(window))


def test_orders_of_the_archive_are_the_golden_ones(data: Path, archive: dict[str, tuple[str, Messages]]):
    ratings: defaultdict[str, dict[int, float]] = defaultdict(dict)
    with (data / "model_predictions.csv").open() as file:
        for row in csv.DictReader(file):
            ratings[row["market_id"].ljust(11, "0")].setdefault(int(row["selection_id"]), float(row["rating"]))
    with (data / "expected" / "rated_flat_60.csv").open() as file:
        expected = {_described_in_file(row) for row in csv.DictReader(file)}
    found = set()
    for market_id, (kind, messages) in archive.items():
        if kind == "WIN":
            make = partial(RatedPrice, RatedPriceParameters(), {market_id: ratings[market_id]})
            (orders,) = orders_of(messages, [make], Window.parse("80s"), market_id=market_id)
            found |= {_described(order) for order in orders}
    assert found == expected


# Sixteen markets of all types, removals and images in mid-file among them; `make sameness` takes all.
@pytest.mark.parametrize("window", ["all", "-80s..", "inplay"])
def test_orders_are_those_of_plain_flumine(archive: dict[str, tuple[str, Messages]], data: Path, window: str):
    some = dict(sorted(archive.items(), key=lambda item: len(item[1][1]))[:: 1 if WHOLE else 6])
    markets = {id_: messages for id_, (_, messages) in some.items()}
    football = list(messages_of((data / "markets" / "1.200806927.bz2").read_bytes()))
    markets["1.200806927"] = football if WHOLE else football[:4000]
    makers = [partial(Busy, every=every) for every in (3, 5, 7)]
    matched = 0
    for market_id, messages in markets.items():
        expected = [judged([raw for _, raw in messages], make, Window.parse(window).listener_kwargs) for make in makers]
        assert orders_of(messages, makers, Window.parse(window), market_id=market_id) == expected, market_id
        matched += sum(order["size_matched"] > 0 for orders in expected for order in orders)
    assert matched > (20 if window != "inplay" else 0)


class Busy(BaseStrategy):
    """Bets passively and aggressively, cancels, and takes the starting price: whatever matching can do."""

    def __init__(self, every: int = 5, **flumine: Any) -> None:
        super().__init__(max_order_exposure=1e6, max_selection_exposure=1e6, max_live_trade_count=1000, **flumine)
        self.every, self.ticks = every, 0
        self.seen: list[tuple[float, int]] = []

    def check_market_book(self, market: Any, market_book: Any) -> bool:  # noqa: ARG002 - flumine's signature
        self.ticks += 1
        return market_book.status == "OPEN" and self.ticks % self.every == 0

    def process_market_book(self, market: Any, market_book: Any) -> None:
        runner = market_book.runners[self.ticks % len(market_book.runners)]
        if runner.status != "ACTIVE" or not runner.ex.available_to_lay or len(market.blotter) > 60:
            return
        side, levels = ("BACK", runner.ex.available_to_lay) if self.ticks % 2 else ("LAY", runner.ex.available_to_back)
        kind = LimitOrder(levels[0]["price"], 2.0, persistence_type="LAPSE") if levels else None
        if self.ticks % 11 == 0:
            kind = MarketOnCloseOrder(liability=20.0)
        if kind:
            trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
            market.place_order(trade.create_order(side=side, order_type=kind))

    def process_orders(self, market: Any, orders: list[Any]) -> None:
        self.seen.append((market.seconds_to_start, len(orders)))
        for order in orders:
            is_waiting = order.status.value == "Executable" and order.order_type.ORDER_TYPE == OrderTypes.LIMIT
            if is_waiting and order.elapsed_seconds and order.elapsed_seconds > 20:
                market.cancel_order(order)


def _described(order: dict[str, Any]) -> tuple[Any, ...]:
    figures = ("price", "price_matched", "size", "size_matched", "profit")
    named = order["market_id"], order["selection_id"], order["side"], str(order["date_time_placed"])
    return (*named, *(float(order[figure]) for figure in figures))


def _described_in_file(row: dict[str, str]) -> tuple[Any, ...]:
    figures = ("price", "price_matched", "size", "size_matched", "profit")
    named = row["market_id"], int(row["selection_id"]), row["side"], row["date_time_placed"]
    return (*named, *(float(row[figure]) for figure in figures))
