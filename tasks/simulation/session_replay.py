"""One session replayed for several variants, each with its own strategy, client and framework.

Variants share what none of them may change: the markets' messages, their books, and the volumes traded on their
runners. See `replay.py` for which sessions and variants there are.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from betfairlightweight.resources import MarketBook
from flumine import BaseStrategy, FlumineSimulation, config
from flumine.clients import SimulatedClient
from flumine.events.events import MarketBookEvent
from flumine.markets.market import Market
from flumine.simulation.utils import SimulatedDateTime

from tasks.errors import BacktestError, ReplayError
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.simulation import blame
from tasks.simulation.blame import OF_THE_PROCESS, Place
from tasks.simulation.carried_over import CarriedOver
from tasks.simulation.framework import make_client
from tasks.simulation.lean import ChangedBookError, LeanSimulation, Removal, TradedVolumes, common_lull
from tasks.simulation.leavings import Leavings
from tasks.simulation.order_rows import Row, describe_orders
from tasks.simulation.refusals import NotedMarket, Refusals
from tasks.simulation.stream import GROUP, LakeStream
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.guarded_config import ChangedConfigError
from tasks.variants.running import running
from tasks.variants.variant import Variant

Take = Callable[[MarketBook, TradedVolumes], None]


class Outcome(NamedTuple):
    """The outcome of a session for a variant: orders, or one of two reasons why there are none.

    Attributes:
        rows: Its orders.
        carries: Attributes that its strategy would have carried over into another market.
        rejects: Each of the session's markets, where flumine cannot replay it.
        failure: Why the variant failed.
        refused: What flumine refused of its strategy's requests.
    """

    rows: Sequence[Row] = ()
    carries: Sequence[str] = ()
    rejects: Sequence[Reject] = ()
    failure: ReplayError | None = None
    refused: Sequence[Refusal] = ()


class Entry:
    """A variant in a session.

    Attributes:
        outcome: The session's outcome, once it is over for this variant.
        is_over: Whether it is.
        seconds_making: How long its instance took to be created and started.
    """

    def __init__(
        self,
        variant: Variant,
        make: Callable[[], BaseStrategy],
        market_ids: Sequence[str],
        *,
        tells_carried: bool = False,
    ) -> None:
        """Enter a variant.

        Args:
            make: Makes a fresh instance of its strategy.
            tells_carried: Whether to look for attributes that its strategy would carry over.
        """
        self.variant, self.id = variant, variant.id
        self.outcome, self.is_over = Outcome(), False
        self.seconds_making = 0.0
        self._make, self._market_ids = make, market_ids
        self._tells_carried = tells_carried
        self._carried: CarriedOver | None = None

    def enter(
        self, framework: Callable[[SimulatedClient], FlumineSimulation], streams: Sequence[LakeStream]
    ) -> FlumineSimulation:
        """Make its strategy, client and framework.

        Args:
            framework: Makes a framework for a client.
            streams: What the strategy subscribes to; the strategy may change them.
        """
        running.variant = self.id
        started = perf_counter()
        strategy = self._make()
        strategy.streams = [*streams]
        simulation = framework(make_client(self.id, self.variant.account, self.variant.settings))
        simulation.add_strategy(strategy)
        self.seconds_making = perf_counter() - started
        return simulation

    def begin(self, simulation: FlumineSimulation) -> None:
        """Record the strategy's initial state, once its framework is started."""
        if self._tells_carried:
            self._carried = CarriedOver(simulation)

    def end(self, simulation: FlumineSimulation) -> None:
        """Collect its orders, once its replay has ended."""
        markets, window = simulation.markets.markets, self.variant.window
        rows = [
            row
            for market_id in self._market_ids
            if market_id in markets
            for row in describe_orders(markets[market_id], self.id, window)
        ]
        refused = [refusal for market_id in self._market_ids for refusal in simulation.refusals.of(market_id)]
        self.outcome = Outcome(rows, self._carried.names() if self._carried else (), refused=refused)
        self.is_over = True

    def fail(self, error: BaseException, place: Place, *, is_its_own: bool = False) -> None:
        """Record why it cannot continue.

        Args:
            place: Market and tick.
            is_its_own: Whether the strategy is to blame, wherever it was raised.

        Raises:
            ReplayError: The process lacks memory or another resource, which ends the replay for all; the culprit is
                unknown.
        """
        self.is_over = True
        if is_its_own or blame.is_strategys(error):
            self.outcome = Outcome(failure=blame.failure(self.id, error, place))
        elif isinstance(error, OF_THE_PROCESS):
            raise blame.failure("", error, place) from None
        else:
            self.outcome = Outcome(rejects=blame.rejects(self.id, error, place, self._market_ids))

    def refuse(self, error: ChangedConfigError) -> None:
        """Fail it for a refused change of flumine's settings, whose exception it caught itself."""
        if not self.outcome.failure:
            self.outcome = Outcome(failure=blame.failure(self.id, error, Place(self._market_ids[0])))


def replay_side_by_side(ticks: Ticks, entries: Sequence[Entry], leavings: Leavings) -> None:
    """Replay a session once for all its variants: each tick goes to one after the other.

    Args:
        entries: The variants; each receives its outcome.
        leavings: Looks at the ticks where one variant may find what another one keeps.

    Raises:
        ReplayError: The process lacks a resource.
        ChangedBookError: A strategy changed a book, so no outcome is valid.
        LakeError: Messages cannot be read.
    """
    frameworks: dict[Entry, LeanSimulation] = {}
    for entry in entries:
        try:
            simulation = entry.enter(LeanSimulation, ticks.subscribe())
            simulation.__enter__()  # as flumine's own `run` does
            entry.begin(simulation)
        except BaseException as error:  # noqa: BLE001 - a strategy may raise anything
            entry.fail(error, ticks.place, is_its_own=True)  # there is no market yet that could be at fault
        else:
            frameworks[entry] = simulation
    if frameworks:
        ticks.number([stream.stream_id for stream in next(iter(frameworks.values())).streams])
    _play(ticks, frameworks, leavings)
    for entry, simulation in frameworks.items():
        if not entry.is_over:
            running.variant = entry.id
            try:
                simulation.__exit__()
                entry.end(simulation)
            except BaseException as error:  # noqa: BLE001 - a strategy may raise anything
                entry.fail(error, ticks.place)
    ticks.check()


def _play(ticks: Ticks, frameworks: Mapping[Entry, LeanSimulation], leavings: Leavings) -> None:
    clock, settings = SimulatedDateTime(), vars(config)
    traded: dict[str, TradedVolumes] = {}
    removed: set[Removal] = set()
    playing: dict[Entry, Take] = {entry: simulation.take for entry, simulation in frameworks.items()}
    can_rest = all(simulation.can_rest for simulation in frameworks.values())
    with clock:
        clock.reset_real_datetime()
        for number, book in enumerate(_books(ticks, playing)):
            # What flumine's clock does, without the call.
            settings["current_time"] = book.publish_time
            market_id = book.market_id
            volumes = traded.get(market_id)
            if volumes is None:
                volumes = traded[market_id] = TradedVolumes(removed)
            is_closing = book.status == "CLOSED"
            if is_closing:
                del traded[market_id]
            else:
                volumes.take(book)
            everyone = tuple(playing.items())
            if leavings.are_shared:
                is_eventful = is_closing or any(simulation.awaits(market_id) for simulation in frameworks.values())
                if leavings.is_due(market_id, is_eventful=is_eventful):
                    some = number % len(everyone) + 1
                    _take(playing, everyone[:some], book, volumes)
                    leavings.look()
                    everyone = everyone[some:]
            _take(playing, everyone, book, volumes)
            if can_rest and not is_closing:
                ticks.rest(common_lull([frameworks[entry].lull for entry in playing]), volumes)
    for simulation in frameworks.values():
        simulation.handler_queue.clear()


def _take(
    playing: dict[Entry, Take], some: Sequence[tuple[Entry, Take]], book: MarketBook, volumes: TradedVolumes
) -> None:
    for entry, take in some:
        running.variant = entry.id
        try:
            take(book, volumes)
        except ChangedBookError:
            raise
        except BaseException as error:  # noqa: BLE001 - a strategy may raise anything
            entry.fail(error, Place(book.market_id, book.publish_time_epoch))
            del playing[entry]


def _books(ticks: Ticks, playing: Mapping[Entry, object]) -> Iterator[MarketBook]:
    """Yield the session's books for as long as any variant continues."""
    books = iter(ticks)
    while playing:
        if running.is_copy:
            os._exit(0)
        try:
            book = next(books)
        except StopIteration:
            return
        except (ChangedBookError, BacktestError):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever flumine raises
            for entry in playing:
                entry.fail(error, ticks.place)
            return
        yield book


def replay_alone(
    session: Sequence[Streamed], entries: Sequence[Entry], listener_kwargs: Mapping[str, bool | float]
) -> None:
    """Replay a session for each variant separately, with flumine's own stream and loop.

    Args:
        session: Its markets, all of whose messages are read at once.
        entries: The variants; each receives its outcome.
        listener_kwargs: For flumine's historical listener.

    Raises:
        ReplayError: The process lacks a resource.
        LakeError: Messages cannot be read.
    """
    messages = {market.market_id: market.read() for market in session}
    group = GROUP if len(session) > 1 else None
    for entry in entries:
        streams = [
            LakeStream(market_id, partial(messages.__getitem__, market_id), listener_kwargs, group)
            for market_id in messages
        ]
        framework = partial(_OwnLoop, entry=entry, place=Place(session[0].market_id))
        simulation: _OwnLoop | None = None
        try:
            simulation = entry.enter(framework, streams)
            simulation.run()
            entry.end(simulation)
        except BaseException as error:  # noqa: BLE001 - a strategy may raise anything
            place = simulation.place if simulation else Place(session[0].market_id)
            entry.fail(error, place, is_its_own=simulation is None)


class _OwnLoop(FlumineSimulation):  # type: ignore[misc]  # flumine ships no types
    """Flumine's loop, which also records where it is.

    Attributes:
        place: The tick that was last processed.
        refusals: What its controls refused.
    """

    def __init__(self, client: SimulatedClient, entry: Entry, place: Place) -> None:
        super().__init__(client)
        self._entry, self.place = entry, place
        self.refusals = Refusals()

    def __enter__(self) -> None:
        super().__enter__()
        self._entry.begin(self)
        with self.simulated_datetime:  # betfairlightweight caches parsed times; they must be of the simulated class
            for stream in self.streams:
                # Flumine cannot start a group if a market in it has no book; such a market is taken out of the group.
                if stream.event_group and next(stream.create_generator()(), None) is None:
                    stream.event_group = None

    def _process_market_books(self, event: MarketBookEvent) -> None:
        if running.is_copy:
            os._exit(0)
        book = event.event[0]
        self.place = Place(book.market_id, book.publish_time_epoch)
        super()._process_market_books(event)

    def _add_market(self, *args: Any) -> Market:  # noqa: ANN401 - flumine's signature
        market = super()._add_market(*args)
        if type(market) is Market:
            market.__class__ = NotedMarket
        return market
