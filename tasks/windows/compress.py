"""Compress a market's messages outside a window to their net effect.

A run of messages outside the window becomes one with the definitions, prices and volumes at the end of the run; the
last write wins. Flumine's stream, with the window's listener arguments, yields the same books at the same ticks from
the compressed messages as from all. So that volume sums match too, a message stays unchanged in the rare case that it
introduces a runner by prices rather than by definition.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from tasks.windows.window import Gate, Window

# Index of the size in a level of each ladder: [price, size] or [position, price, size].
_SIZE_AT = {
    **dict.fromkeys(("trd", "atb", "atl", "spb", "spl"), 1),
    **dict.fromkeys(("batb", "batl", "bdatb", "bdatl"), 2),
}
_VALUES = frozenset(("ltp", "tv", "spn", "spf"))
_MARKET_FIELDS = ("id", "marketDefinition", "tv")

Key = tuple[int, float]


def compress_window(messages: Iterable[tuple[int, bytes]], window: Window) -> Iterator[tuple[int, bytes]]:
    """Compress a market's messages.

    Args:
        messages: Publish time and JSON of each, in the stream's order; each with exactly one change, of this market.
        window: The part that is replayed.

    Yields:
        Publish time and JSON of each message that a replay needs; times never decrease.
    """
    compressor = WindowCompressor(window)
    for publish_time, raw in messages:
        (change,) = orjson.loads(raw)["mc"]
        yield from compressor.add(publish_time, raw, change)
    yield from compressor.finish()


class WindowCompressor:
    """Compresses one market message by message, for callers that have parsed them already."""

    def __init__(self, window: Window) -> None:
        self._gate = Gate(window)
        # Only a limit on in-play depends on when in-play began.
        self._keeps_turns = window.max_inplay_seconds is not None
        self._seen = False
        self._known: set[Key] = set()
        self._run: _Run | None = None

    def add(self, publish_time: int, raw: bytes, change: dict[str, Any]) -> Sequence[tuple[int, bytes]]:
        """Add the next message; return the messages that are complete by now.

        Args:
            publish_time: Milliseconds since 1970 UTC.
            raw: The message's JSON.
            change: The market's entry in its `mc`.
        """
        image = not self._seen or bool(change.get("img", False))
        self._seen = True
        if image:
            self._gate.renew()
            # An image replaces everything before it.
            self._known.clear()
            self._run = None
        definition = change.get("marketDefinition")
        was_in_play = self._gate.in_play
        if definition is not None:
            self._gate.define(definition, publish_time)
        is_inside = self._gate.opens <= publish_time <= self._gate.closes
        if is_inside or self._names_by_prices(change):
            left = self.finish()
            self._known.update(_defined_in(change), map(_key, change.get("rc", ())))
            return (*left, (publish_time, raw))
        if self._run is None:
            self._run = _Run(image)
        self._run.add(publish_time, raw, change)
        if self._keeps_turns and bool(self._gate.in_play) != bool(was_in_play):
            return self.finish()
        return ()

    def _names_by_prices(self, change: dict[str, Any]) -> bool:
        known, met = self._known, self._run.runners if self._run else ()
        new = {key for key in map(_key, change.get("rc", ())) if key not in known and key not in met}
        return bool(new) and not new.issubset(_defined_in(change))

    def finish(self) -> Sequence[tuple[int, bytes]]:
        """End the current run of messages outside the window; return its compressed messages."""
        if self._run is None:
            return ()
        left = tuple(self._run.messages(self._known))
        self._known.update(self._run.runners)
        self._run = None
        return left


class _Merged:
    """One runner's entries in a run, merged: the last write wins."""

    __slots__ = ("cleared", "definition", "handicap", "ladders", "values")

    def __init__(self, named: dict[str, Any]) -> None:
        # The first entry fixes the handicap's type: flumine reads a missing one as 0, not 0.0.
        self.handicap = {"hc": named["hc"]} if "hc" in named else {}
        self.definition: dict[str, Any] | None = None
        self.cleared = False
        self.values: dict[str, Any] = {}
        self.ladders: dict[str, dict[float, list[float]]] = {}

    def update(self, entry: dict[str, Any]) -> None:
        for field, value in entry.items():
            if field in _SIZE_AT:
                if field == "trd" and not value:
                    self.ladders[field], self.cleared = {}, True
                    continue
                ladder = self.ladders.get(field)
                if ladder is None:
                    ladder = self.ladders[field] = {}
                for level in value:
                    ladder[level[0]] = level
            elif field in _VALUES:
                self.values[field] = value

    def entries(self, selection_id: int, *, new: bool) -> Iterator[dict[str, Any]]:
        named = {"id": selection_id, **self.handicap}
        if self.cleared and not new:
            yield {**named, "trd": []}
        ladders = {
            # A size of 0 removes a level, and a new runner has none.
            field: [level for level in ladder.values() if not new or level[_SIZE_AT[field]] != 0]
            for field, ladder in self.ladders.items()
        }
        # An empty `trd` still matters for a new runner: it makes flumine sum volumes.
        kept = {field: levels for field, levels in ladders.items() if levels or (new and field == "trd")}
        entry = {**named, **self.values, **kept}
        if len(entry) > len(named):
            yield entry


class _Run:
    """Consecutive messages outside the window.

    Attributes:
        runners: In order of first appearance.
    """

    def __init__(self, image: bool) -> None:
        self._image = image
        self._single: bytes | None = None
        self._publish_time = 0
        self._market: dict[str, Any] = {}
        self.runners: dict[Key, _Merged] = {}

    def add(self, publish_time: int, raw: bytes, change: dict[str, Any]) -> None:
        self._single = None if self._publish_time else raw
        self._publish_time = publish_time
        for field in _MARKET_FIELDS:
            if field in change:
                self._market[field] = change[field]
        if "marketDefinition" in change:
            for runner in change["marketDefinition"].get("runners", ()):
                self._merged(runner).definition = runner
        for entry in change.get("rc", ()):
            self._merged(entry).update(entry)

    def _merged(self, named: dict[str, Any]) -> _Merged:
        key = (named["id"], named.get("hc", 0))
        merged = self.runners.get(key)
        if merged is None:
            merged = self.runners[key] = _Merged(named)
        return merged

    def messages(self, known: set[Key]) -> Iterator[tuple[int, bytes]]:
        if self._single is not None:
            yield self._publish_time, self._single
            return
        image: dict[str, Any] = {"img": True} if self._image else {}
        if self._needs_roll_call(known):
            yield self._message({**self._market, **image, "marketDefinition": self._roll_call()})
            image = {}
        entries = [
            entry for key, merged in self.runners.items() for entry in merged.entries(key[0], new=key not in known)
        ]
        yield self._message({**self._market, **image, "rc": entries})

    def _needs_roll_call(self, known: set[Key]) -> bool:
        """Return whether the last definition alone would lose a runner's definition or change new runners' order."""
        if "marketDefinition" not in self._market:
            return False
        last = {_key(runner): runner for runner in self._market["marketDefinition"].get("runners", ())}
        if any(merged.definition is not None and key not in last for key, merged in self.runners.items()):
            return True
        # By repr, which distinguishes a handicap of 0 from 0.0.
        new, by_definition = ([repr(key) for key in keys if key not in known] for keys in (self.runners, last))
        return new != by_definition

    def _roll_call(self) -> dict[str, Any]:
        defined = ((key[1], merged.definition) for key, merged in self.runners.items() if merged.definition is not None)
        runners = [{**definition, "hc": handicap} for handicap, definition in defined]
        return {**self._market["marketDefinition"], "runners": runners}

    def _message(self, change: dict[str, Any]) -> tuple[int, bytes]:
        return self._publish_time, orjson.dumps({"op": "mcm", "pt": self._publish_time, "mc": [change]})


def _key(named: dict[str, Any]) -> Key:
    return named["id"], named.get("hc", 0)


def _defined_in(change: dict[str, Any]) -> Iterator[Key]:
    return map(_key, change.get("marketDefinition", {}).get("runners", ()))
