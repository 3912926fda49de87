"""Market books from the lake's messages, made with less work than flumine's stream and equal to its books.

Puts window and cache together, and names the versions of flumine and betfairlightweight for which equality was proven.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import ClassVar

import orjson
from betfairlightweight.resources import MarketBook

from tasks.simulation.lean.cache import MarketCache
from tasks.simulation.lean.lull import AWAKE, Lull
from tasks.simulation.lean.sums import SummedCache
from tasks.simulation.lean.traded import TradedVolumes
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
        caches: dict[str, MarketCache] = self._listener.stream._caches  # noqa: SLF001 - flumine queries it there
        asked = self._listener
        window = Window(asked.inplay, asked.seconds_to_start, asked.max_inplay_seconds)
        gates: dict[str, Gate] = {}
        stream_id, is_resting = self.stream_id, False
        for raw in self._read():
            message = orjson.loads(raw)
            publish_time = message["pt"]
            active = False
            for change in message["mc"]:
                market_id = change["id"]
                cache = caches.get(market_id)
                if cache is not None and ("marketDefinition" in change or publish_time > gates[market_id].closes):
                    if is_resting and self._volumes is not None:
                        # They keep the last book of a runner that is no longer active.
                        self._volumes.book = cache.create_resource(stream_id, snap=True)
                    self._lull, is_resting = AWAKE, False
                if cache is None or change.get("img", False):
                    if "marketDefinition" not in change:
                        raise KeyError("marketDefinition")  # as flumine does: the market's start is unknown
                    cache = caches[market_id] = self._make_cache(market_id)
                    gates.setdefault(market_id, Gate(window)).renew()
                gate = gates[market_id]
                if "marketDefinition" in change:
                    gate.define(change["marketDefinition"], publish_time)
                active = gate.opens <= publish_time <= gate.closes
                cache.update(change, raw, publish_time, active)
            if not active:
                continue
            is_resting = len(message["mc"]) == 1 and self._lull.covers(change, publish_time)
            if is_resting and self._volumes is not None:
                self._volumes.skip(change)
            else:
                self.publish_time = publish_time
                yield [cache.create_resource(stream_id, snap=True) for cache in caches.values() if cache.active]

    def _make_cache(self, market_id: str) -> MarketCache:
        sums = {name: getattr(self._listener, name) for name in ("calculate_market_tv", "cumulative_runner_tv")}
        made: MarketCache = self.summed_cache(market_id, **sums) if any(sums.values()) else self.cache(market_id)
        return made
