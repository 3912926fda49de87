"""What flumine's own tests are given in place of its `FlumineSimulation`: this project's engine behind the same face.

Each market is compressed and replayed once for the strategies that are subscribed to it, each of which has a framework
and a client of its own there. Streams of one `event_group`, which flumine would play in one order of time, are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from flumine import BaseStrategy, FlumineSimulation
from flumine.clients import SimulatedClient
from flumine.markets.market import Market
from flumine.markets.markets import Markets
from flumine.markets.middleware import Middleware
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream
from side_by_side import Judged

from tasks.simulation.lean import WatchedStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.session_replay import replay_side_by_side
from tasks.simulation.stream import LakeStream
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import guard_config, restore_config, take_refusals
from tasks.windows.compress import compress_window
from tasks.windows.window import Window


class Guest(Judged):
    """A strategy that somebody else made, in one market.

    Attributes:
        strategy: The strategy, the same one in all its markets, because its maker looks at it afterwards.
        markets: What its framework has of the market in the end.
    """

    def __init__(self, name: str, strategy: BaseStrategy, middleware: Sequence[Middleware], market_id: str) -> None:
        super().__init__(name, lambda: strategy, market_id)
        self.strategy, self.markets = strategy, Markets()
        self._middleware = middleware

    def enter(
        self, framework: Callable[[SimulatedClient], FlumineSimulation], streams: Sequence[LakeStream]
    ) -> FlumineSimulation:
        return super().enter(partial(self._furnish, framework), streams)

    def end(self, simulation: FlumineSimulation) -> None:
        super().end(simulation)
        self.markets = simulation.markets

    def _furnish(
        self, framework: Callable[[SimulatedClient], FlumineSimulation], client: SimulatedClient
    ) -> FlumineSimulation:
        # A strategy that bets with a client which it was told of has that one.
        simulation = framework(self.strategy.context.get("client", client))
        for middleware in self._middleware:
            simulation.add_market_middleware(middleware)
        return simulation


class SharedMarket:
    """A market as flumine's tests look at it: as if all strategies had met in one."""

    def __init__(self, parts: Mapping[BaseStrategy, Market]) -> None:
        self._parts = parts
        self._transaction_id = sum(market._transaction_id for market in parts.values())
        self.blotter = self

    def strategy_orders(self, strategy: BaseStrategy) -> list[Any]:
        return self._parts[strategy].blotter.strategy_orders(strategy)

    def client_orders(self, client: SimulatedClient) -> list[Any]:
        return [order for market in self._parts.values() for order in market.blotter.client_orders(client)]


class StandInFramework:
    """Takes strategies and streams as `FlumineSimulation` does.

    Attributes:
        markets: Of all streams, once they were run.
    """

    def __init__(self, client: SimulatedClient | None = None) -> None:  # noqa: ARG002 - as `add_client`
        self.markets = Markets()
        self._streams: list[BetfairHistoricalStream] = []
        self._subscribed: dict[BaseStrategy, list[BetfairHistoricalStream]] = {}
        self._middleware: list[Middleware] = []

    def add_client(self, client: SimulatedClient) -> None:
        """A strategy bets with the client of its context, or is made one."""

    def add_stream(self, stream: BetfairHistoricalStream) -> None:
        if stream.event_group:
            raise NotImplementedError("markets are replayed one at a time")
        self._streams.append(stream)

    def add_market_middleware(self, middleware: Middleware) -> None:
        self._middleware.append(middleware)

    def add_strategy(self, strategy: BaseStrategy) -> None:
        self._subscribed[strategy] = strategy.streams  # replaced by ours in each market

    def run(self) -> None:
        """Replay the markets, and raise what strategies or flumine raised."""
        guard_config()
        take_refusals()  # of whatever this process ran before
        for stream in self._streams:
            self._replay(stream)
        restore_config()
        assert not take_refusals()

    def _replay(self, stream: BetfairHistoricalStream) -> None:
        lines = Path(stream.file_path).read_bytes().splitlines()
        messages = [(orjson.loads(line)["pt"], line) for line in lines]
        market_id = orjson.loads(lines[0])["mc"][0]["id"]
        kept = [raw.decode() for _, raw in compress_window(messages, Window(**stream.listener_kwargs))]
        guests = [
            Guest(f"v{number}", strategy, self._middleware, market_id)
            for number, (strategy, streams) in enumerate(self._subscribed.items())
            if stream in streams
        ]
        ticks = Ticks([Streamed(market_id, 0, lambda: kept)], WatchedStream, stream.listener_kwargs)
        replay_side_by_side(ticks, guests, Leavings([]))
        for guest in guests:
            assert isinstance(guest.told, list), guest.told
        parts = {guest.strategy: guest.markets.markets[market_id] for guest in guests}
        self.markets.markets[market_id] = SharedMarket(parts)
