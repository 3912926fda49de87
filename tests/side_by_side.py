"""What this project's engine makes of strategies in one market, side by side, told as the judge tells it."""

from collections.abc import Callable, Sequence
from typing import Any

from flumine import BaseStrategy, FlumineSimulation
from plain_flumine import Order, Raised, describe

from tasks.simulation.fold import fold
from tasks.simulation.guarded_config import guard_config
from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.market_replay import Entry, replay_side_by_side
from tasks.simulation.variant import Account, Variant
from tasks.simulation.watched_book import WatchedStream
from tasks.simulation.window import Window

Messages = Sequence[tuple[int, bytes]]


class Judged(Entry):
    """An entry whose orders are told as the judge tells its own."""

    def __init__(self, name: str, make: Callable[[], BaseStrategy], market_id: str) -> None:
        super().__init__(Variant(name, {}, "", "all", Account(), "lean", "", name.ljust(8, "0")), make, market_id)
        self.told: list[Order] | Raised = []

    def end(self, simulation: FlumineSimulation) -> None:
        super().end(simulation)
        self.told = [order for market in simulation.markets for order in describe(market)]

    def fail(self, error: BaseException, publish_time: int) -> None:
        super().fail(error, publish_time)
        self.told = Raised(type(error).__name__, str(error))


def orders_of(
    messages: Messages,
    makers: Sequence[Callable[[], BaseStrategy]],
    window: Window,
    *,
    market_id: str,
    stream: type[LeanStream] = WatchedStream,
    folded: bool = True,
) -> list[list[Order] | Raised]:
    """Replay a market once for all strategies.

    Args:
        messages: Publish time and JSON of each.
        makers: Make the strategies.
        window: What is replayed.
        market_id: The market.
        stream: Makes the books.
        folded: Whether the messages are folded first.

    Returns:
        What each strategy got.
    """
    guard_config()
    kept = [raw.decode() for _, raw in (fold(messages, window) if folded else messages)]
    entries = [Judged(f"v{number}", make, market_id) for number, make in enumerate(makers)]
    replay_side_by_side(stream(market_id, kept, _arguments(window)), entries, Leavings([]))
    return [entry.told for entry in entries]


def _arguments(window: Window) -> dict[str, Any]:
    return dict(window.listener_kwargs)
