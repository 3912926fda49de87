"""Market books from the lake's messages, made with less work than flumine's stream and equal to its books.

Puts window and cache together, and names the versions of flumine and betfairlightweight for which equality was proven.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from math import inf
from typing import ClassVar

import orjson
from betfairlightweight.resources import MarketBook

from tasks.simulation.lean.book import Change
from tasks.simulation.lean.cache import MarketCache
from tasks.simulation.lean.lull import AWAKE, Lull
from tasks.simulation.lean.sums import SummedCache
from tasks.simulation.lean.traded import TradedVolumes
from tasks.simulation.lean.unread import Unread, has_only_prices
from tasks.simulation.stream import LakeStream
from tasks.windows.window import Gate, Window

# Versions of flumine and betfairlightweight; the tests of sameness are the proof.
PROVEN = frozenset({("3.3.2", "2.24.0")})


def engine_is_proven() -> bool:
    """Return whether the lean replay was proven equal for the installed flumine and betfairlightweight."""
    return (version("flumine"), version("betfairlightweight")) in PROVEN


class LeanStream(LakeStream):
    """A `LakeStream` with its own conversion of messages to books."""

    cache: ClassVar = MarketCache
    summed_cache: ClassVar = SummedCache
    _lull = AWAKE
    _volumes: TradedVolumes | None = None

    def rest(self, lull: Lull, volumes: TradedVolumes) -> None:
        """Make no books of the messages to come that a lull covers.

        Args:
            lull: Of all variants.
            volumes: Receive these messages.
        """
        self._lull, self._volumes = lull, volumes

    def _books(self) -> Iterator[list[MarketBook]]:
        self._listener.register_stream(self.stream_id, self.operation)
        # Strategies query the listener's own stream for the markets it has seen.
        self._caches: dict[str, MarketCache] = self._listener.stream._caches  # noqa: SLF001 - flumine queries it there
        asked = self._listener
        window = Window(asked.inplay, asked.seconds_to_start, asked.max_inplay_seconds)
        self._gates = defaultdict[str, Gate](partial(Gate, window))
        stream_id, is_resting = self.stream_id, False
        asleep: tuple[MarketCache, TradedVolumes] | None = None
        for raw in self._read():
            if asleep is not None and has_only_prices(raw):
                unread = Unread(raw)
                for receiver in asleep:
                    receiver.leave_unread(unread)
                continue
            message = orjson.loads(raw)
            changes, publish_time = message["mc"], message["pt"]
            asleep = cache = None
            for change in changes:
                cache = self._update(change, raw, publish_time, has_rested=is_resting)
            is_active = cache is not None and cache.active
            is_resting = is_active and len(changes) == 1 and self._lull.covers(change, publish_time)
            if is_resting and cache is not None and self._volumes is not None:
                self._volumes.skip(change)
                if self._lull.is_whole and self._gates[cache.market_id].closes == inf:
                    asleep = cache, self._volumes
            elif is_active:
                self.publish_time = publish_time
                yield [cache.create_resource(stream_id, snap=True) for cache in self._caches.values() if cache.active]

    def _update(self, change: Change, raw: str, publish_time: int, *, has_rested: bool) -> MarketCache:
        """Apply a message to its market's state, which it returns; has_rested: no book was made of the one before."""
        market_id = change["id"]
        cache, gate, is_defined = self._caches.get(market_id), self._gates[market_id], "marketDefinition" in change
        if cache is not None and (is_defined or publish_time > gate.closes):
            self._wake(cache, has_rested=has_rested)
        if cache is None or change.get("img", False):
            if not is_defined:
                raise KeyError("marketDefinition")  # as flumine does: the market's start is unknown
            cache = self._caches[market_id] = self._make_cache(market_id)
            gate.renew()
        if is_defined:
            gate.define(change["marketDefinition"], publish_time)
        cache.update(change, raw, publish_time, gate.opens <= publish_time <= gate.closes)
        return cache

    def _wake(self, cache: MarketCache, *, has_rested: bool) -> None:
        if has_rested and self._volumes is not None:
            # They keep the last book of a runner that is no longer active.
            self._volumes.book = cache.create_resource(self.stream_id, snap=True)
        self._lull, self._volumes = AWAKE, None

    def _make_cache(self, market_id: str) -> MarketCache:
        sums = {name: getattr(self._listener, name) for name in ("calculate_market_tv", "cumulative_runner_tv")}
        made: MarketCache = self.summed_cache(market_id, **sums) if any(sums.values()) else self.cache(market_id)
        return made
