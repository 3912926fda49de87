"""Real markets through flumine's own replay and ours: every book at every tick, and every order to the last cent."""

import bz2
import csv
import itertools
import logging
import os
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flumine import BaseStrategy, FlumineSimulation, config
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder, OrderTypes
from flumine.order.trade import Trade
from sameness import Messages, compare_streams

from strategies.rated_price import RatedPrice, RatedPriceParameters
from tasks.simulation.fold import fold
from tasks.simulation.framework import Simulation, make_client
from tasks.simulation.lean_loop import LeanSimulation
from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.stream import LakeStream
from tasks.simulation.variant import Account
from tasks.simulation.window import Window

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
                messages = list(_messages(raw.read()))
                kind = orjson.loads(messages[0][1])["mc"][0]["marketDefinition"]["marketType"]
                found[Path(member.name).stem] = kind, messages
    return found


@pytest.fixture
def quiet() -> Iterator[None]:
    raises, config.raise_errors = config.raise_errors, True
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    config.raise_errors = raises


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
        messages = list(_messages(path.read_bytes()))
        # Football is long: its last two thousand messages are in-play to the end.
        assert compare_streams(messages if WHOLE else [messages[0], *messages[1:][-2000:]], Window.parse(window))


@pytest.mark.usefixtures("quiet")
def test_orders_of_the_archive_are_the_golden_ones(data: Path, archive: dict[str, tuple[str, Messages]]):
    ratings: defaultdict[str, dict[int, float]] = defaultdict(dict)
    with (data / "model_predictions.csv").open() as file:
        for row in csv.DictReader(file):
            ratings[row["market_id"].ljust(11, "0")].setdefault(int(row["selection_id"]), float(row["rating"]))
    with (data / "expected" / "rated_flat_60.csv").open() as file:
        expected = {_described_in_file(row) for row in csv.DictReader(file)}
    markets = {id_: messages for id_, (kind, messages) in archive.items() if kind == "WIN"}
    simulation = _simulate(
        LeanSimulation,
        LeanStream,
        Window.parse("80s"),
        markets,
        [lambda: RatedPrice(RatedPriceParameters(), dict(ratings))],
        folded=True,
    )
    assert {order[1:] for order in _orders(simulation)} == expected


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("window", ["-80s..", "inplay"])
def test_orders_that_wait_lapse_and_take_the_starting_price(
    archive: dict[str, tuple[str, Messages]], data: Path, window: str
):
    some = itertools.islice(sorted(archive.items(), key=lambda item: len(item[1][1])), 60, 72)
    markets = {id_: messages for id_, (_, messages) in some}
    football = data / "markets" / "1.200806927.bz2"
    markets["1.200806927"] = list(_messages(football.read_bytes()))[:6000]
    variants = [lambda: Busy(name="a"), lambda: Busy(name="b", every=7)]
    plain = _simulate(Simulation, LakeStream, Window.parse(window), markets, variants)
    lean = _simulate(LeanSimulation, LeanStream, Window.parse(window), markets, variants, folded=True)
    orders = _orders(plain)
    assert len(orders) > 50 or window == "inplay"
    assert orders == _orders(lean)
    assert _fates(plain) == _fates(lean)


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


def _simulate(
    make: Callable[[], Simulation],
    stream: type[LakeStream],
    window: Window,
    markets: dict[str, Messages],
    variants: list[Callable[[], BaseStrategy]],
    *,
    folded: bool = False,
) -> Simulation:
    simulation = make()
    streams = []
    for market_id, messages in markets.items():
        kept = [raw.decode() for _, raw in (fold(messages, window) if folded else messages)]
        streams.append(stream(market_id, lambda kept=kept: kept, window.listener_kwargs))
    for number, variant in enumerate(variants):
        strategy = variant()
        strategy.streams = list(streams)
        simulation.add_variant(strategy, make_client(f"client {number}", Account()))
    simulation.run()
    return simulation


def _orders(simulation: FlumineSimulation) -> set[tuple[Any, ...]]:
    return {
        (
            str(order.trade.strategy),
            order.market_id,
            order.selection_id,
            order.side,
            str(order.responses.date_time_placed),
            float(getattr(order.order_type, "price", None) or 0),
            float(order.average_price_matched),
            float(getattr(order.order_type, "size", None) or order.order_type.liability),
            float(order.size_matched),
            float(order.profit),
        )
        for market in simulation.markets
        for order in market.blotter
    }


def _fates(simulation: FlumineSimulation) -> list[tuple[Any, ...]]:
    """What became of each order, and what the strategies saw of it."""
    fates = [
        (
            order.status.value,
            order.elapsed_seconds_executable,
            order.size_remaining,
            order.size_cancelled,
            order.size_lapsed,
            order.size_voided,
            order.runner_status,
            order.simulated.matched,
            order.market_id,
            market.blotter.has_live_orders,
        )
        for market in simulation.markets
        for order in market.blotter
    ]
    return [*fates, *(tuple(strategy.seen) for strategy in simulation.strategies)]


def _described_in_file(row: dict[str, str]) -> tuple[Any, ...]:
    figures = ("price", "price_matched", "size", "size_matched", "profit")
    named = row["market_id"], int(row["selection_id"]), row["side"], row["date_time_placed"]
    return (*named, *(float(row[figure]) for figure in figures))


def _messages(packed: bytes) -> Iterator[tuple[int, bytes]]:
    for line in bz2.decompress(packed).splitlines():
        yield orjson.loads(line)["pt"], line
