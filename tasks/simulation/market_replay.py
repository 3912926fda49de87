"""One market replayed for several variants, each with a strategy, a client and a framework of its own.

Variants share what none of them changes: the market's messages, its books, and what was traded on its runners. Which
markets and variants there are is `replay.py`'s business.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient
from flumine.simulation.utils import SimulatedDateTime
from flumine.utils import STRATEGY_NAME_HASH_LENGTH, create_cheap_hash

from tasks.errors import ReplayError
from tasks.rejects import Reject
from tasks.simulation import blame
from tasks.simulation.blame import WHATEVER, Place
from tasks.simulation.framework import make_client
from tasks.simulation.guarded_config import ChangedConfigError
from tasks.simulation.lean_loop import LeanSimulation
from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.lean_traded import TradedVolumes
from tasks.simulation.leavings import Leavings
from tasks.simulation.limits import LimitError
from tasks.simulation.order_rows import Row, describe_orders
from tasks.simulation.running import running
from tasks.simulation.stream import LakeStream
from tasks.simulation.variant import Variant
from tasks.simulation.watched_book import ChangedBookError, WatchedStream

Take = Callable[[MarketBook], None]


class Outcome(NamedTuple):
    """What a market gave a variant: orders, or one of the two reasons why not.

    Attributes:
        rows: Its orders.
        reject: Why the market cannot be replayed.
        failure: Why the variant failed.
    """

    rows: Sequence[Row] = ()
    reject: Reject | None = None
    failure: ReplayError | None = None


class Entry:
    """A variant in a market.

    Attributes:
        variant: The variant.
        id: Its id.
        outcome: What the market gave it, once that is over for it.
        is_over: Whether it is.
    """

    def __init__(self, variant: Variant, make: Callable[[], BaseStrategy], market_id: str) -> None:
        """Enter a variant.

        Args:
            variant: The variant.
            make: Makes a fresh instance of its strategy.
            market_id: The market.
        """
        self.variant, self.id = variant, variant.id
        self.outcome, self.is_over = Outcome(), False
        self._make, self._market_id = make, market_id

    def enter(self, framework: Callable[[SimulatedClient], FlumineSimulation], stream: LakeStream) -> FlumineSimulation:
        """Make its strategy, its client and its framework.

        Args:
            framework: Makes a framework of a client.
            stream: What the strategy subscribes to; it is given a copy, its own to change.

        Returns:
            The framework.
        """
        running.variant = self.id
        strategy = self._make()
        # A class that takes no `name` still has to have one: orders are told apart by it.
        strategy._name = self.id  # noqa: SLF001 - what flumine's own constructor sets
        strategy.name_hash = create_cheap_hash(self.id, STRATEGY_NAME_HASH_LENGTH)
        strategy.streams = [copy.copy(stream)]
        simulation = framework(make_client(self.id, self.variant.account))
        simulation.add_strategy(strategy)
        # Flumine builds the list of a strategy's stream ids on every tick unless it finds this set.
        strategy.historic_stream_ids = {stream.stream_id for stream in strategy.streams}
        return simulation

    def end(self, simulation: FlumineSimulation) -> None:
        """Write its orders down.

        Args:
            simulation: Its framework, whose replay has ended.
        """
        market = simulation.markets.markets.get(self._market_id)
        rows = list(describe_orders(market, self.variant.window)) if market else ()
        self.outcome, self.is_over = Outcome(rows), True

    def fail(self, error: BaseException, publish_time: int) -> None:
        """Write down why it goes no further.

        Args:
            error: What was raised.
            publish_time: Of the tick, milliseconds since 1970 UTC; 0 before the first.

        Raises:
            ReplayError: A limit was reached, which ends the replay of all.
        """
        place, is_its_own = Place(self._market_id, publish_time), blame.is_strategys(error)
        if isinstance(error, LimitError):
            raise blame.failure(self.id if is_its_own else "", error, place)
        self.is_over = True
        if is_its_own:
            self.outcome = Outcome(failure=blame.failure(self.id, error, place))
        else:
            self.outcome = Outcome(reject=blame.reject(self.id, error, place))

    def refuse(self, error: ChangedConfigError) -> None:
        """Let it fail of what it tried in vain, and caught.

        Args:
            error: What it tried.
        """
        if not self.outcome.failure:
            self.outcome = Outcome(failure=blame.failure(self.id, error, Place(self._market_id)))


def replay_side_by_side(stream: LeanStream, entries: Sequence[Entry], leavings: Leavings) -> None:
    """Replay a market once for all its variants: each tick goes to one after the other.

    Args:
        stream: The market's.
        entries: The variants; each is given its outcome.
        leavings: Is told when it may be that one finds what another keeps.

    Raises:
        ReplayError: A limit was reached.
        ChangedBookError: A strategy changed a book, so that no outcome is to be believed.
    """
    volumes = TradedVolumes()
    frameworks: dict[Entry, LeanSimulation] = {}
    for entry in entries:
        try:
            simulation = entry.enter(partial(LeanSimulation, volumes=volumes), stream)
            simulation.__enter__()  # as flumine's own `run` does
        except WHATEVER as error:
            entry.fail(error, 0)
        else:
            frameworks[entry] = simulation
            stream.stream_id = next(iter(simulation.streams)).stream_id  # each framework counts from the same
    _play(stream, frameworks, volumes, leavings)
    for entry, simulation in frameworks.items():
        if not entry.is_over:
            running.variant = entry.id
            try:
                simulation.__exit__()
                entry.end(simulation)
            except WHATEVER as error:
                entry.fail(error, stream.publish_time)
    if isinstance(stream, WatchedStream):
        stream.check()


def replay_alone(stream: LakeStream, entry: Entry) -> None:
    """Replay a market for one variant by flumine's own loop.

    Args:
        stream: The market's.
        entry: The variant, which is given its outcome.

    Raises:
        ReplayError: A limit was reached.
    """
    try:
        simulation = entry.enter(FlumineSimulation, stream)
        (stream,) = simulation.streams
        simulation.run()
        entry.end(simulation)
    except WHATEVER as error:
        entry.fail(error, stream.publish_time)


def _play(
    stream: LeanStream, frameworks: Mapping[Entry, LeanSimulation], volumes: TradedVolumes, leavings: Leavings
) -> None:
    clock, settings = SimulatedDateTime(), vars(config)
    playing: dict[Entry, Take] = {entry: simulation.take for entry, simulation in frameworks.items()}
    with clock:
        clock.reset_real_datetime()
        for number, book in enumerate(_books(stream, playing)):
            # Flumine's clock, without a call.
            settings["current_time"] = book.publish_time
            is_closing = book.status == "CLOSED"
            if is_closing:
                volumes.forget()
            else:
                volumes.take(book.runners)
            everyone = tuple(playing.items())
            if leavings.are_shared:
                is_eventful = is_closing or any(simulation.handler_queue for simulation in frameworks.values())
                if leavings.is_due(is_eventful=is_eventful):
                    some = number % len(everyone) + 1
                    _take(playing, everyone[:some], book)
                    leavings.look()
                    everyone = everyone[some:]
            _take(playing, everyone, book)
    for simulation in frameworks.values():
        simulation.handler_queue.clear()


def _take(playing: dict[Entry, Take], some: Sequence[tuple[Entry, Take]], book: MarketBook) -> None:
    for entry, take in some:
        running.variant = entry.id
        try:
            take(book)
        except WHATEVER as error:
            entry.fail(error, book.publish_time_epoch)
            del playing[entry]


def _books(stream: LeanStream, playing: Mapping[Entry, object]) -> Iterator[MarketBook]:
    """Give the market's books for as long as anybody plays."""
    books = stream.create_generator()()
    while playing:
        try:
            (book,) = next(books)
        except StopIteration:
            return
        except ChangedBookError:
            raise
        except WHATEVER as error:
            for entry in playing:
                entry.fail(error, stream.publish_time)
            return
        yield book
