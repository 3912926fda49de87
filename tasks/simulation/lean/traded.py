"""Volumes traded on each runner between two ticks, computed once for all variants of a market.

They do not depend on orders. Runners are identified by selection and handicap, never by their index in a book: an image
may list them in another order, drop some and add others.
"""

from collections.abc import Mapping, Sequence

from betfairlightweight.resources import RunnerBook

from tasks.simulation.lean.book import Change, Key, MarketBook
from tasks.simulation.lean.ladder import Entries
from tasks.simulation.lean.unread import Unread, read

Sizes = dict[float, float]
Removal = tuple[int, float, float | None]

# Messages that nobody asks for are processed in small batches, while they are in the processor's cache.
_BATCH = 32


class RunnerTraded:
    """Volumes traded on one runner.

    Attributes:
        volume: The total traded volume, by price.
    """

    __slots__ = ("_among", "_at", "_book", "_traded", "volume")

    def __init__(self, among: "TradedVolumes") -> None:
        self._among, self._at = among, 0
        self._book: RunnerBook | None = None
        self._traded: Sizes = {}
        self.volume: Sizes = {}

    @property
    def runner(self) -> RunnerBook:
        """Its book when it was last active."""
        return self._book or self._among.book.runners[self._at]

    @property
    def traded(self) -> Sizes:
        """Sizes by price, traded since the previous tick; a new object whenever it changes."""
        self._among.catch_up()
        return self._traded

    def trade(self, traded: Sizes) -> None:
        """Note what was traded since the previous tick."""
        if traded or self._traded:
            self._traded = traded

    def stand(self, at: int) -> None:
        """Stand among the runners of the market's books, for as long as it is active."""
        self._at, self._book = at, None

    def keep(self) -> None:
        """Keep its present book, whatever follows."""
        self._book = self.runner


class TradedVolumes:
    """Tracks a market's runners tick by tick, as flumine's `RunnerAnalytics` do, but only for who asks.

    Until then messages wait. Runners begin and cease to be active with definitions only, so books between these are not
    read.

    Attributes:
        book: Of the last tick.
        runners: Every runner that was ever active, by selection id and handicap.
        removals: Runners first found removed in the last tick, in the book's order.
        is_news: Whether the last tick had a runner that was never active before, or a removal.
    """

    book: MarketBook

    def __init__(self, removed: set[Removal]) -> None:
        """Track a market until it is closed, when flumine forgets what was traded.

        Args:
            removed: Runners found removed so far in any market of the session, since flumine's middleware does not keep
                removals per market.
        """
        self.runners: dict[Key, RunnerTraded] = {}
        self.removals: list[Removal] = []
        self.is_news = False
        self._active: dict[Key, RunnerTraded] = {}
        self._trading: set[Key] = set()
        self._waiting: list[Change | Unread] = []
        self._are_unread = False
        self._removed = removed
        # Of a market that was closed and is open again, definitions may have changed while nobody looked.
        self._is_new = True

    @property
    def is_outliving(self) -> bool:
        """Whether a runner that is no longer active keeps a last trade, with which flumine matches at every tick."""
        return not self.trading <= self._active.keys()

    @property
    def trading(self) -> set[Key]:
        """Runners that flumine considers traded at this tick: one that is no longer active keeps its last trade."""
        if self._waiting:
            self.catch_up()
        return self._trading

    def take(self, book: MarketBook) -> None:
        """Receive a tick.

        Args:
            book: Of a market that is not closed.
        """
        if book.is_redefined or self._is_new:
            self._is_new = False
            self.catch_up()
            for known in self._active.values():
                known.keep()
            self.removals, self.is_news = [], False
            self._look(book.runners)
        else:
            if self.is_news:
                self.removals, self.is_news = [], False
            self.skip(book.change)
        self.book = book

    def skip(self, change: Change) -> None:
        """Receive a message whose book nobody needs, and which defines no runners.

        Args:
            change: The market's entry of `mc`.
        """
        self._waiting.append(change)
        if len(self._waiting) >= _BATCH and not self._are_unread:
            self.catch_up()

    def leave_unread(self, message: Unread) -> None:
        """Receive a message that is read only if somebody asks; otherwise as in `skip`."""
        self._waiting.append(message)
        self._are_unread = True

    def catch_up(self) -> None:
        """Process the messages that wait."""
        waiting = self._waiting
        if not waiting:
            return
        self._waiting, self._are_unread = [], False
        last, active = read(waiting.pop()), self._active
        for change in map(read, waiting):
            for entry in change.get("rc", ()):
                if "trd" in entry and (known := active.get((entry["id"], entry.get("hc", 0)))):
                    _add(known.volume, entry["trd"])
        traded: dict[Key, list[Entries]] = {}
        for entry in last.get("rc", ()):
            if "trd" in entry and (key := (entry["id"], entry.get("hc", 0))) in active:
                traded.setdefault(key, []).append(entry["trd"])
        if traded or self._trading:
            for key in (*traded, *(key for key in self._trading if key not in traded and key in active)):
                known = active[key]
                self._trade(key, known, _take(known.volume, traded.get(key, ())))

    def _look(self, books: list[RunnerBook]) -> None:
        self._active = {}
        for at, book in enumerate(books):
            key = book.selection_id, book.handicap
            if book.status == "ACTIVE":
                volume = {level["price"]: level["size"] for level in book.ex.traded_volume}
                known = self.runners.get(key)
                if known is None:
                    known = self.runners[key] = RunnerTraded(self)
                    self.is_news = True
                else:
                    self._trade(key, known, _traded(known.volume, volume))
                known.volume = volume
                known.stand(at)
                self._active[key] = known
            elif book.status == "REMOVED":
                self._remove((*key, book.adjustment_factor))

    def _trade(self, key: Key, known: RunnerTraded, traded: Sizes) -> None:
        known.trade(traded)
        if traded:
            self._trading.add(key)
        else:
            self._trading.discard(key)

    def _remove(self, removal: Removal) -> None:
        if removal not in self._removed:
            self._removed.add(removal)
            self.removals.append(removal)
            self.is_news = True


def _add(volume: Sizes, entries: Entries) -> None:
    """Apply a message's entries to a volume: `[price, size]` each; an empty list removes all."""
    if not entries:
        volume.clear()
    for price, size in entries:
        if size == 0:
            volume.pop(price, None)
        else:
            volume[price] = size


def _take(volume: Sizes, trades: Sequence[Entries]) -> Sizes:
    """Apply a message's entries to a volume; return what was traded by them."""
    before = {price: volume.get(price) for entries in trades for price, _ in entries}
    for entries in trades:
        _add(volume, entries)
    now = {price: volume[price] for price in sorted(before) if price in volume}
    return _traded(before, now)


def _traded(before: Mapping[float, float | None], now: Sizes) -> Sizes:
    """Return the volume traded, by price; decreases are ignored."""
    traded: Sizes = {}
    for price, size in now.items():
        size_before = before.get(price)
        if size_before is None:
            traded[price] = size
        elif size != size_before:
            more = float(size) - float(size_before)
            if more > 0:
                traded[price] = round(more, 2)
    return traded
