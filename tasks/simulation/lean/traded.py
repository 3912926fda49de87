"""Volumes traded on each runner between two ticks, computed once for all variants of a market.

They do not depend on orders. Runners are identified by selection and handicap, never by their index in a book: an image
may list them in another order, drop some and add others.
"""

from itertools import compress
from operator import is_not

from betfairlightweight.resources import RunnerBook

Ladder = list[dict[str, float]]
Key = tuple[int, float]
Traded = dict[float, float]
Removal = tuple[int, float, float | None]


class RunnerTraded:
    """Volumes traded on one runner.

    Attributes:
        runner: Its book when it was last active.
        traded: Sizes by price, traded since the previous tick; a new object whenever it changes.
        volume: The total traded volume, by price.
    """

    __slots__ = ("runner", "traded", "volume")

    def __init__(self, runner: RunnerBook) -> None:
        self.runner = runner
        self.traded: Traded = {}
        self.volume: Ladder = runner.ex.traded_volume


class TradedVolumes:
    """Tracks a market's runners tick by tick, as flumine's `RunnerAnalytics` do, looking only at what changed.

    It relies on a runner's book being the same object for as long as the runner does not change.

    Attributes:
        runners: Every runner that was ever active, by selection id and handicap.
        trading: Those that flumine considers traded at this tick: a runner that is no longer active keeps its last
            trade.
        removals: Runners first found removed in the last tick, in the book's order.
        is_news: Whether the last tick had a runner that was never active before, or a removal.
    """

    def __init__(self, removed: set[Removal]) -> None:
        """Track a market.

        Args:
            removed: Runners found removed so far in any market of the session, since flumine's middleware does not keep
                removals per market.
        """
        self.runners: dict[Key, RunnerTraded] = {}
        self.trading: set[Key] = set()
        self.removals: list[Removal] = []
        self.is_news = False
        self._books: list[RunnerBook] = []
        self._removed = removed

    def take(self, books: list[RunnerBook]) -> None:
        """Process a tick.

        Args:
            books: The runners' books of a market that is not closed.
        """
        before, self._books = self._books, books
        self.removals, self.is_news = [], False
        for key in tuple(self.trading):
            known = self.runners[key]
            # The same object: its status has not changed, and nothing was traded since.
            if known.runner in books:
                self._trade(key, known, {})
        for book in compress(books, map(is_not, books, before)) if len(books) == len(before) else books:
            status = book.status
            if status == "ACTIVE":
                self._take_active((book.selection_id, book.handicap), book)
            elif status == "REMOVED":
                self._remove((book.selection_id, book.handicap, book.adjustment_factor))

    def forget(self) -> None:
        """Forget traded volumes, as flumine does when a market closes; removals stay known."""
        self.runners, self.trading, self._books = {}, set(), []

    def _take_active(self, key: Key, book: RunnerBook) -> None:
        known = self.runners.get(key)
        if known is None:
            self.runners[key] = RunnerTraded(book)
            self.is_news = True
            return
        known.runner = book
        volume, before = book.ex.traded_volume, known.volume
        if volume is not before and volume != before:
            known.volume = volume
            self._trade(key, known, _traded(before, volume))
        elif known.traded:
            self._trade(key, known, {})

    def _trade(self, key: Key, known: RunnerTraded, traded: Traded) -> None:
        known.traded = traded
        if traded:
            self.trading.add(key)
        else:
            self.trading.discard(key)

    def _remove(self, removal: Removal) -> None:
        if removal not in self._removed:
            self._removed.add(removal)
            self.removals.append(removal)
            self.is_news = True


def _traded(before: Ladder, now: Ladder) -> Traded:
    """Return the volume traded between two ladders, by price; decreases are ignored."""
    traded: Traded = {}
    if len(before) == len(now):
        # Unchanged levels are the same objects, so they are skipped by identity.
        for old, new in compress(zip(before, now, strict=True), map(is_not, before, now)):
            price = new["price"]
            if price != old["price"]:
                break
            more = float(new["size"]) - float(old["size"])
            if more > 0:
                traded[price] = round(more, 2)
        else:
            return traded
    traded = {}
    sizes = {level["price"]: level["size"] for level in before}
    for level in now:
        price, size = level["price"], level["size"]
        size_before = sizes.get(price)
        if size_before is None:
            traded[price] = size
        elif size != size_before:
            more = float(size) - float(size_before)
            if more > 0:
                traded[price] = round(more, 2)
    return traded
