"""Books for strategies that are not this project's: detect a strategy that modifies them.

A book, its lists and their levels are shared by all strategies of a replay, by flumine's matching and by the books of
later ticks, so a modification would make others' orders wrong. Each part is checked before its successor is made, and
at the end. A new attribute is a modification too: another variant would find it. See `cache.py` for how books are made.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, cast

from betfairlightweight.resources import MarketBook, RunnerBook
from betfairlightweight.resources.streamingresources import MarketDefinition

from tasks.simulation.lean.book import MADE_WHOLE, Change, attributes_of
from tasks.simulation.lean.book import MarketBook as LeanMarketBook
from tasks.simulation.lean.cache import MarketCache, Runner
from tasks.simulation.lean.ladder import BestPrices, Entries, Level, PriceLadder, TradedLadder
from tasks.simulation.lean.stream import LeanStream
from tasks.simulation.lean.sums import SummedCache


class ChangedBookError(Exception):
    """A strategy changed a market book."""

    def __str__(self) -> str:
        return f"{self.args[0]} of a market book, where it should change a copy,"


# What a market book adds to its own attributes on first access.
_ITS_OWN = {name for name, value in vars(LeanMarketBook).items() if isinstance(value, cached_property)}


def _is_changed(attributes: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return attributes != made and {k: v for k, v in attributes.items() if k not in _ITS_OWN} != made


def _prices(book: RunnerBook) -> tuple[Any, ...]:
    ex, sp = book.ex, book.sp
    return (
        *(ex.available_to_back, ex.available_to_lay, ex.traded_volume, sp.back_stake_taken),
        *(sp.lay_liability_taken, sp.near_price, sp.far_price, sp.actual_sp),
    )


class WatchedLadder(PriceLadder):
    """A ladder that keeps the sizes of its levels a second time."""

    __slots__ = ("_sizes",)

    def clear(self) -> None:
        """Remove all levels."""
        super().clear()
        self._sizes: list[float] = []

    def _apply(self, entries: Iterable[list[float]]) -> None:
        # Repeats its base's lines, with sizes: to find the levels to be removed first costs half of a replay.
        keys, sizes, levels, sign = self._keys, self._sizes, self._levels, self._sign
        if self._shown != levels:
            raise ChangedBookError("prices")
        for price, size in entries:
            key = price * sign
            at = bisect_left(keys, key)
            if keys[at] == key:
                if levels[at] != {"price": price, "size": sizes[at]}:
                    raise ChangedBookError("prices")
                if size == 0:
                    del keys[at], sizes[at], levels[at]
                else:
                    sizes[at], levels[at] = size, {"price": price, "size": size}
            elif size != 0:
                keys.insert(at, key)
                sizes.insert(at, size)
                levels.insert(at, {"price": price, "size": size})
        self._shown = levels.copy()

    def check(self) -> None:
        """Check all levels.

        Raises:
            ChangedBookError: They were modified.
        """
        levels = self.levels
        prices = [key * self._sign for key in self._keys[:-1]]
        made = [{"price": price, "size": size} for price, size in zip(prices, self._sizes, strict=True)]
        if levels != made:
            raise ChangedBookError("prices")


class WatchedTradedLadder(TradedLadder, WatchedLadder):
    """A ladder of traded volumes."""

    __slots__ = ()

    def _update(self, entries: Entries) -> None:
        if not entries:
            self.check()
        super()._update(entries)


class WatchedBestPrices(BestPrices):
    """The best few levels, with copies of them."""

    __slots__ = ("_copies",)

    def __init__(self) -> None:
        super().__init__()
        self._copies: list[Level] = []

    def check(self) -> None:
        """Check all levels.

        Raises:
            ChangedBookError: They were modified.
        """
        if self.levels != self._copies:
            raise ChangedBookError("prices")

    def _update(self, levels: dict[float, Level], entries: Entries) -> None:
        self.check()
        super()._update(levels, entries)
        self._copies = [level.copy() for level in self.levels]


class WatchedRunner(Runner):
    """A runner that checks its book."""

    __slots__ = ("_attributes", "_book", "_prices")
    ladder, traded_ladder, best_prices = WatchedLadder, WatchedTradedLadder, WatchedBestPrices

    def __init__(self, at: int, named: dict[str, Any]) -> None:
        super().__init__(at, named)
        self._book: RunnerBook | None = None
        self._attributes: dict[str, Any] = {}
        self._prices: tuple[Any, ...] = ()

    def book(self) -> RunnerBook:
        """Make its present book.

        Raises:
            ChangedBookError: The previous one was modified.
        """
        self.check_book()
        self._book = book = super().book()
        self._attributes, self._prices = book.__dict__ | {"orders": [], "matches": []}, _prices(book)
        return book

    def check_book(self) -> None:
        """Check its book, without the levels of its prices.

        Raises:
            ChangedBookError: It was modified.
        """
        book = self._book
        if book is not None and (_is_changed(book.__dict__, self._attributes) or _prices(book) != self._prices):
            raise ChangedBookError("a runner")

    def check(self) -> None:
        """Check its book and all levels.

        Raises:
            ChangedBookError: They were modified.
        """
        self.check_book()
        sides = self._back, self._lay, self._best_back, self._best_lay, self.traded, self._sp_back, self._sp_lay
        for side in cast("tuple[WatchedLadder | WatchedBestPrices, ...]", sides):
            side.check()


def _own(thing: MarketBook | MarketDefinition) -> dict[str, Any]:
    own: dict[str, Any] = attributes_of(thing) if type(thing) is LeanMarketBook else vars(thing)
    return own


class _Given:
    """A market book or definition, with its original attributes."""

    __slots__ = ("_made", "thing")

    def __init__(self, thing: MarketBook | MarketDefinition | None) -> None:
        self.thing = thing
        self._made = {} if thing is None else _own(thing).copy()

    def has(self, *names: str) -> None:
        """Note attributes that it was given since, and what lists hold."""
        made = ((name, _own(self.thing)[name]) for name in names)
        self._made |= {name: value.copy() if isinstance(value, list) else value for name, value in made}

    def check(self) -> None:
        if self.thing is not None and _is_changed(_own(self.thing), self._made):
            raise ChangedBookError("an attribute")


class WatchedCache(MarketCache):
    """A market that checks its books."""

    runner = WatchedRunner
    _book = _definition = _Given(None)
    _found: ChangedBookError | None = None

    def update(self, change: Change, message: str, publish_time: int, active: bool) -> None:
        """Receive a message; arguments as in `MarketCache`.

        Raises:
            ChangedBookError: A book was modified, as was found when another was made whole; a strategy may have caught
                it then.
        """
        if self._found:
            raise self._found
        super().update(change, message, publish_time, active)

    def create_resource(self, unique_id: int, snap: bool = False, publish_time: int | None = None) -> MarketBook:
        """Make the market's present book; arguments as in `MarketCache`.

        Raises:
            ChangedBookError: The previous one was modified.
        """
        self._check_book()
        book = super().create_resource(unique_id, snap, publish_time)
        self._book = _Given(book)
        if self._definition.thing is not book.market_definition:
            self._definition.check()
            self._definition = _Given(book.market_definition)
            self._definition.has("runners", "regulators")
        return book

    def check(self) -> None:
        """Check everything that strategies received last.

        Raises:
            ChangedBookError: It was modified.
        """
        if self._found:
            raise self._found
        self._check_book()
        self._definition.check()
        for runner in cast("list[WatchedRunner]", self._runners):
            runner.check()

    def _check_book(self) -> None:
        self._book.check()
        book = self._book.thing
        read = None if book is None else attributes_of(book).get("streaming_update")
        if book is not None and read is not None and read != book.parse():
            raise ChangedBookError("an attribute")

    def _take_waiting(self, count: int) -> None:
        try:
            super()._take_waiting(count)
        except ChangedBookError as error:
            self._found = error
            raise

    def _complete(self, book: LeanMarketBook) -> None:
        is_last = book is self._book.thing
        if is_last:
            # It would cover what a strategy has set.
            self._check_book()
        super()._complete(book)
        if is_last:
            self._book.has(*MADE_WHOLE)


class WatchedSummedCache(WatchedCache, SummedCache):
    """A `WatchedCache` with summed volumes."""


class WatchedStream(LeanStream):
    """A `LeanStream` of watched books."""

    cache, summed_cache = WatchedCache, WatchedSummedCache

    @cached_property
    def _made(self) -> list[MarketCache]:
        return []

    def check(self) -> None:
        """Check everything that strategies received last.

        Raises:
            ChangedBookError: It was modified.
        """
        for cache in cast("list[WatchedCache]", self._made):
            cache.check()

    def _books(self) -> Iterator[list[MarketBook]]:
        yield from super()._books()
        self.check()

    def _make_cache(self, market_id: str) -> MarketCache:
        cache = super()._make_cache(market_id)
        self._made.append(cache)
        return cache
