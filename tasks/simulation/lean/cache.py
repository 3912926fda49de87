"""A market's state from message to message: only what a message changes is updated, and only for who reads it.

Messages wait until a book is read; then the last write of a price wins. Ladders stay sorted by bisection instead of
sorting; a list that was given to a book is never changed again. See
`book.py` for the content of a book, and `tasks/windows/window.py` for which messages are replayed.
"""

import datetime as dt
from datetime import UTC, timedelta
from functools import partial
from itertools import starmap
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from betfairlightweight.resources import RunnerBook
from betfairlightweight.resources.baseresource import BaseResource
from betfairlightweight.resources.streamingresources import MarketDefinition
from flumine.patching import EX, SP

from tasks.simulation.lean.book import (
    RUNNER_FIELDS,
    Change,
    Definition,
    Key,
    MarketBook,
    Standing,
    attributes_of,
    fixed_attributes,
    same_statuses,
    set_attributes,
)
from tasks.simulation.lean.ladder import BestPrices, PriceLadder, TradedLadder
from tasks.simulation.lean.unread import Unread, read

if TYPE_CHECKING:
    from collections.abc import Callable

# Messages that nobody asks for are taken in small batches, while they are in the processor's cache. The last few stay:
# a framework holds its market's last book, and one of a session is made ahead of its turn.
_BATCH, _STAY = 32, 3

_new_ex, _new_sp = EX.__new__, SP.__new__
_new_runner_book = RunnerBook.__new__
_new_market_book = MarketBook.__new__


class Runner:
    """A runner's state.

    Attributes:
        at: Its index among the market's runners.
        takes: The setter for each field of a message's entry; other fields are ignored.
        traded: Traded volumes by price.
    """

    __slots__ = (
        "_back",
        "_best_back",
        "_best_lay",
        "_fields",
        "_lay",
        "_sp",
        "_sp_back",
        "_sp_lay",
        "at",
        "takes",
        "traded",
    )

    ladder: ClassVar = PriceLadder
    traded_ladder: ClassVar = TradedLadder
    best_prices: ClassVar = BestPrices

    def __init__(self, at: int, named: dict[str, Any]) -> None:
        self.at = at
        self._back, self._lay = self.ladder(-1), self.ladder(1)
        self._best_back, self._best_lay = self.best_prices(), self.best_prices()
        self.traded, self._sp_back, self._sp_lay = self.traded_ladder(1), self.ladder(-1), self.ladder(1)
        self._sp: dict[str, Any] = {"near": None, "far": None, "bsp": None}
        self._fields = {**RUNNER_FIELDS, "selection_id": named["id"], "handicap": named.get("hc", 0)}
        self.takes: dict[str, Callable[[Any], None]] = {
            "atb": self._back.update,
            "atl": self._lay.update,
            "bdatb": self._best_back.update_displayed,
            "bdatl": self._best_lay.update_displayed,
            "batb": self._best_back.update_best,
            "batl": self._best_lay.update_best,
            "trd": self.traded.update,
            "spb": self._sp_back.update,
            "spl": self._sp_lay.update,
            "ltp": partial(self._fields.__setitem__, "last_price_traded"),
            "tv": partial(self._fields.__setitem__, "total_matched"),
            "spn": partial(self._sp.__setitem__, "near"),
            "spf": partial(self._sp.__setitem__, "far"),
        }

    def define(self, definition: Definition) -> None:
        """Apply the runner's part of a market definition."""
        fields = self._fields
        self._sp["bsp"] = definition.get("bsp")
        fields["status"] = definition.get("status")
        fields["adjustment_factor"] = definition.get("adjustmentFactor")
        fields["removal_date"] = BaseResource.strip_datetime(definition.get("removalDate"))

    def book(self) -> RunnerBook:
        """Make its present book."""
        sp = self._sp
        book = _new_runner_book(RunnerBook)
        # To copy a dictionary with all keys in place costs half of building one.
        book.__dict__ = attributes = self._fields.copy()
        attributes["sp"] = starting_price = _new_sp(SP)
        starting_price.near_price, starting_price.far_price, starting_price.actual_sp = sp["near"], sp["far"], sp["bsp"]
        starting_price.back_stake_taken = self._sp_lay.levels
        starting_price.lay_liability_taken = self._sp_back.levels
        attributes["ex"] = ex = _new_ex(EX)
        ex.available_to_back = self._back.levels or self._best_back.levels
        ex.available_to_lay = self._lay.levels or self._best_lay.levels
        ex.traded_volume = self.traded.levels
        attributes["orders"] = []
        attributes["matches"] = []
        return book


class MarketCache:
    """A market's state, and the messages that are still to change it.

    A message waits until a book of it or of a later one is made whole. Books that are still held by then are made whole
    on the way; of those that nobody holds, nothing is made.

    Attributes:
        active: Whether the last message was within the window.
    """

    runner: ClassVar = Runner

    def __init__(self, market_id: str) -> None:
        self.market_id = market_id
        self.active = False
        # By selection id and handicap; if the handicap is 0, also by the id alone.
        self._by_key: dict[tuple[int, float] | int, Runner] = {}
        self._runners: list[Runner] = []
        self._standings: dict[Key, Standing] = {}
        self._books: list[RunnerBook] = []
        self._source: tuple[Definition, tuple[Standing, ...]] = ({}, ())
        self._fixed = fixed_attributes(market_id, {})
        self._total_matched: float = 0
        self._publish_time = self._first = 0
        self._first_time = dt.datetime.fromtimestamp(0, tz=UTC)
        self._change: Change = {}
        self._message = ""
        self._is_redefined = True
        # Each with whether it is within the window, and its book.
        self._waiting: list[tuple[Change | Unread, bool, Callable[[], MarketBook | None]]] = []
        self._are_unread = False
        # Runners whose books are outdated.
        self._changed: dict[Runner, None] = {}
        self._taken = 0

    @property
    def closed(self) -> bool:
        """Whether the market is closed."""
        return bool(self._fixed["status"] == "CLOSED")

    def update(self, change: Change, message: str, publish_time: int, active: bool) -> None:
        """Receive a message.

        Args:
            change: The market's entry of `mc`.
            message: All of it, as JSON.
            publish_time: Milliseconds since 1970 UTC.
            active: Whether the message is within the window.
        """
        standings = self._source[1]
        if "marketDefinition" in change:
            self._define(change["marketDefinition"])
        elif len(self._waiting) >= _BATCH and not self._are_unread:
            self._take_waiting(_BATCH - _STAY)
        self._is_redefined = not self.active or not same_statuses(self._source[1], standings)
        self.active = active
        self._publish_time, self._change, self._message = publish_time, change, message
        self._waiting.append((change, active, _no_book))

    def leave_unread(self, message: Unread) -> None:
        """Receive a message of prices within the window, which is read only if a book of it or of a later one is."""
        self._is_redefined, self._are_unread = False, True
        self._waiting.append((message, True, _no_book))

    def make_whole(self, number: int) -> None:
        """Make a book whole, and those before it that are still held.

        Args:
            number: The book's.
        """
        self._take_waiting(number - self._taken)

    def _take_waiting(self, count: int) -> None:
        for message, active, held in self._waiting[:count]:
            change = read(message)
            if "marketDefinition" in change:
                for named in change["marketDefinition"].get("runners", ()):
                    self._by_key[named["id"], named.get("hc", 0)].define(named)
                self._changed.update(dict.fromkeys(self._runners))
            self._take(change, active)
            book = held()
            if book is not None:
                self._complete(book)
        del self._waiting[:count]
        self._taken += count
        self._are_unread = self._are_unread and bool(self._waiting)

    def _take(self, change: Change, active: bool) -> None:  # noqa: ARG002 - sums depend on it
        """Apply a message's volumes and prices."""
        if "tv" in change:
            self._total_matched = change["tv"]
        by_key, changed = self._by_key, self._changed
        for entry in change.get("rc", ()):
            key = (entry["id"], entry["hc"]) if "hc" in entry else entry["id"]
            runner = by_key.get(key) or self._add(entry)
            changed[runner] = None
            takes = runner.takes
            for field, value in entry.items():
                if field in takes:
                    takes[field](value)

    def _complete(self, book: MarketBook) -> None:
        """Make a book whole that is of the present state."""
        books = self._books
        for runner in self._changed:
            books[runner.at] = runner.book()
        self._changed.clear()
        attributes = attributes_of(book)
        attributes["runners"] = books.copy()
        attributes["number_of_runners"] = len(books)
        attributes["total_matched"] = self._total_matched
        definition, standings = book.source
        if len(standings) < len(books):
            book.source = definition, (*standings, *starmap(Standing, list(self._standings)[len(standings) :]))
        book.cache = None

    def create_resource(self, unique_id: int, snap: bool = False, publish_time: int | None = None) -> MarketBook:  # noqa: ARG002 - betfairlightweight's signature
        """Make the market's present book, to be made whole when it is read.

        Args:
            unique_id: Of the stream.
            snap: Whether it is a snapshot of a stream, as all books of a replay are.
            publish_time: Ignored.
        """
        waiting = self._waiting
        if waiting and isinstance(last := waiting[-1][0], Unread):
            self._publish_time, self._change, self._message = last.publish_time, last.change, last.message
        book: MarketBook = _new_market_book(MarketBook)
        # Flumine replaces the class while it simulates, hence the look-up.
        clock = dt.datetime
        if type(self._first_time) is not clock:
            self._first, self._first_time = self._publish_time, clock.fromtimestamp(self._publish_time / 1e3, tz=UTC)
        attributes = self._fixed.copy()
        set_attributes(book, attributes)
        attributes["streaming_unique_id"] = unique_id
        attributes["streaming_snap"] = snap
        attributes["_datetime_created"] = attributes["_datetime_updated"] = clock.now(tz=UTC)
        # Adding to a time costs half of making one.
        attributes["publish_time"] = self._first_time + timedelta(0, 0, (self._publish_time - self._first) * 1000)
        attributes["publish_time_epoch"] = self._publish_time
        book.source, book.cache, book.number = self._source, self, self._taken + len(waiting)
        book.change, book.message, book.is_redefined = self._change, self._message, self._is_redefined
        if waiting:
            change, active, _ = waiting[-1]
            waiting[-1] = change, active, ref(book)
        else:
            self._complete(book)
        return book

    def _define(self, definition: Definition) -> None:
        """Apply all of a definition but what it changes in runners' books, which waits with its message."""
        defined = {(named["id"], named.get("hc", 0)): named for named in definition.get("runners", ())}
        if not (self._are_unread and defined.keys() <= self._by_key.keys()):
            # Those before may name a new runner first, and runners stand in the order of their names.
            self._take_waiting(len(self._waiting))
        self._fixed = {
            **fixed_attributes(self.market_id, definition),
            "market_definition": MarketDefinition(**definition),
        }
        for key, named in defined.items():
            if key not in self._by_key:
                self._add(named)
            told = map(named.get, ("status", "adjustmentFactor", "bsp", "removalDate"))
            self._standings[key] = Standing(*key, *told)
        self._source = definition, tuple(self._standings.values())

    def _add(self, named: dict[str, Any]) -> Runner:
        runner = self.runner(len(self._runners), named)
        handicap = named.get("hc", 0)
        self._runners.append(runner)
        self._by_key[named["id"], handicap] = runner
        if handicap == 0:
            self._by_key[named["id"]] = runner
        self._standings[named["id"], handicap] = Standing(named["id"], handicap)
        self._books.append(None)
        self._changed[runner] = None
        return runner


def _no_book() -> None:
    return None
