"""What this project's engine makes of strategies in a session, side by side, told as the judge tells it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from flumine import BaseStrategy, FlumineSimulation
from plain_flumine import Order, Raised, describe

from tasks.simulation.blame import Place
from tasks.simulation.lean import LeanStream, WatchedStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.session_replay import Entry, replay_side_by_side
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import guard_config
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.variants.variant import Account, Variant
from tasks.windows.compress import compress_window
from tasks.windows.window import Window

Messages = Sequence[tuple[int, bytes]]


class Judged(Entry):
    """An entry whose orders are told as the judge tells its own."""

    def __init__(
        self,
        name: str,
        make: Callable[[], BaseStrategy],
        *market_ids: str,
        settings: SimulationSettings = DEFAULT_SETTINGS,
    ) -> None:
        variant = Variant(name, {}, "", "all", Account(), "lean", "", name.ljust(8, "0"), settings)
        super().__init__(variant, make, market_ids)
        self.told: list[Order] | Raised = []

    def end(self, simulation: FlumineSimulation) -> None:
        super().end(simulation)
        self.told = [order for market in simulation.markets for order in describe(market)]

    def fail(self, error: BaseException, place: Place) -> None:
        super().fail(error, place)
        self.told = Raised(type(error).__name__, str(error))


def orders_of(
    messages: Messages,
    makers: Sequence[Callable[[], BaseStrategy]],
    window: Window,
    *,
    market_id: str,
    stream: type[LeanStream] = WatchedStream,
    compressed: bool = True,
    settings: SimulationSettings = DEFAULT_SETTINGS,
) -> list[list[Order] | Raised]:
    """Replay a market once for all strategies.

    Args:
        messages: Publish time and JSON of each.
        makers: Make the strategies.
        window: What is replayed.
        market_id: The market.
        stream: Makes the books.
        compressed: Whether the messages are compressed first.
        settings: Of the simulation.

    Returns:
        What each strategy got.
    """
    kept = list(compress_window(messages, window) if compressed else messages)
    return orders_of_session({market_id: kept}, makers, window, stream=stream, settings=settings)


def orders_of_session(
    session: Mapping[str, Messages],
    makers: Sequence[Callable[[], BaseStrategy]],
    window: Window,
    *,
    stream: type[LeanStream] = WatchedStream,
    settings: SimulationSettings = DEFAULT_SETTINGS,
) -> list[list[Order] | Raised]:
    """Replay a session once for all strategies.

    Args:
        session: Of each market, publish time and JSON of each message that is replayed.
        makers: Make the strategies.
        window: What is replayed.
        stream: Makes the books.
        settings: Of the simulation.

    Returns:
        What each strategy got.
    """
    guard_config(settings)
    streamed = [
        Streamed(market_id, min((time for time, _ in messages), default=0), partial(_text, messages))
        for market_id, messages in session.items()
    ]
    entries = [Judged(f"v{number}", make, *session, settings=settings) for number, make in enumerate(makers)]
    ticks = Ticks(streamed, stream, {**window.listener_kwargs, **settings.listener_kwargs})
    try:
        replay_side_by_side(ticks, entries, Leavings([]))
    finally:
        guard_config(DEFAULT_SETTINGS)
    return [entry.told for entry in entries]


def _text(messages: Messages) -> list[str]:
    return [raw.decode() for _, raw in messages]
