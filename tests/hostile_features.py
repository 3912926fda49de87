"""What a market has of all that makes it hostile, told from its messages alone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

Message = Mapping[str, Any]
Key = tuple[int, float]
# Fields of a runner to prices, or positions, to what was last said of them.
Ladders = dict[str, dict[float, list[float]]]

_LADDERS = ("trd", "atb", "atl", "batb", "batl", "bdatb", "bdatl", "spb", "spl")
_UNKNOWN = "unheardOf"
_HOUR, _STEP = 3_600_000, 50
_FACTOR_THAT_COUNTS = 2.5


def features(messages: Iterable[Message]) -> Counter[str]:
    """Find what a market has.

    Args:
        messages: Of one market.

    Returns:
        Features by name, and how often each occurs.
    """
    messages = list(messages)
    found: Counter[str] = Counter()
    for before, after in pairwise(messages):
        step = after["pt"] - before["pt"]
        found.update({"same publish time": step == 0, "50 ms step": step == _STEP, "long gap": step >= _HOUR})
    told = _Told()
    for message in messages:
        found["unknown key in message"] += _UNKNOWN in message
        for change in message["mc"]:
            found.update(told.take(change))
    return +found


class _Told:
    """What a reader of the stream knows of a market."""

    def __init__(self) -> None:
        self._definition: Mapping[str, Any] = {}
        self._runners: dict[Key, Mapping[str, Any]] = {}
        self._ladders: dict[Key, Ladders] = {}
        self._ever: set[Key] = set()
        self._closings: list[dict[Key, str]] = []
        self._is_first = True

    def take(self, change: Mapping[str, Any]) -> Iterator[str]:
        image, definition = change.get("img", False), change.get("marketDefinition")
        order, ladders = list(self._runners), self._ladders
        if image:
            self._runners, self._ladders = {}, {}
        yield from _plain(change)
        if definition is not None:
            yield from self._define(definition, is_image=image, order=order)
        elif self._definition["status"] == "CLOSED":
            yield "trailing message"
        for entry in change.get("rc") or ():
            yield from self._change(entry)
        if image and not self._is_first:
            yield "image"
            yield from self._compare_image(order, ladders)
        self._is_first = False

    def _define(self, definition: Mapping[str, Any], *, is_image: bool, order: list[Key]) -> Iterator[str]:
        before, self._definition = self._definition, definition
        runners = {_key(runner): runner for runner in definition["runners"]}
        yield from _defined(definition)
        if before:
            yield from _redefined(before, definition)
        if definition["status"] == "CLOSED":
            yield from self._close(runners)
        listed = [key for key in runners if key in set(order)]
        if not is_image and [key for key in order if key in runners] != listed:
            yield "definition without image reorders"
        if not is_image and set(order) - set(runners):
            yield "definition without image leaves out a runner"
        for key, runner in runners.items():
            known = self._runners.get(key)
            if not is_image and not self._is_first and known is None:
                yield "late runner named by definition"
            yield from _status_changed(known, runner)
        self._runners |= runners
        self._ever |= set(runners)

    def _close(self, runners: Mapping[Key, Mapping[str, Any]]) -> Iterator[str]:
        results = {key: runner["status"] for key, runner in runners.items()}
        if self._closings:
            yield "closed again"
            if results != self._closings[-1]:
                yield "amended result"
        self._closings.append(results)
        counted = Counter(results.values())
        yield from (f"closed with {status}" for status in counted)
        if counted["WINNER"] > max(self._definition["numberOfWinners"], 1):
            yield "dead heat"
        if counted["WINNER"] > 1:
            yield "several winners"
        if set(counted) == {"REMOVED"}:
            yield "all removed"

    def _change(self, entry: Mapping[str, Any]) -> Iterator[str]:
        key = _key(entry)
        if key not in self._runners:
            self._runners[key] = {}
            yield "late runner named by rc"
        if _UNKNOWN in entry:
            yield "unknown key in rc"
        if "hc" in entry and not entry["hc"]:
            yield f"rc with hc {entry['hc']}"
        for name in ("spn", "spf"):
            if name in entry:
                yield f"{name} {entry[name]}" if isinstance(entry[name], str) else name
        yield from (f"{name} of runner" for name in ("tv", "ltp") if name in entry)
        for name in _LADDERS:
            if name in entry:
                yield name
                yield from self._update(name, self._ladders.setdefault(key, {}).setdefault(name, {}), entry[name])

    @staticmethod
    def _update(name: str, ladder: dict[float, list[float]], levels: list[list[float]]) -> Iterator[str]:
        if name == "trd" and not levels:
            ladder.clear()
            yield "trd emptied"
        for position, *level in levels:
            if not level[-1]:
                yield "size 0"
            if name == "trd" and level[-1] < ladder.get(position, [0])[-1]:
                yield "trd goes down"
            ladder[position] = level

    def _compare_image(self, order: list[Key], ladders: dict[Key, Ladders]) -> Iterator[str]:
        now = list(self._runners)
        if [key for key in order if key in now] != [key for key in now if key in order]:
            yield "image reorders"
        if set(order) - set(now):
            yield "image drops a runner"
        if set(now) - set(order):
            yield "image adds a runner"
        if any(_standing(ladders.get(key)) != _standing(self._ladders.get(key)) for key in now if key in order):
            yield "image with other ladders"


def _plain(change: Mapping[str, Any]) -> Iterator[str]:
    if _UNKNOWN in change:
        yield "unknown key in market"
    yield from (f"{name} of market" for name in ("tv", "con") if name in change)
    if "rc" not in change:
        yield "no rc"
    named = Counter(_key(entry) for entry in change.get("rc") or ())
    if max(named.values(), default=0) > 1:
        yield "several entries of one runner"


def _defined(definition: Mapping[str, Any]) -> Iterator[str]:
    yield f"market type {definition['marketType']}"
    yield f"persistence {'enabled' if definition['persistenceEnabled'] else 'disabled'}"
    for name in ("turnInPlayEnabled", "bspMarket", "bspReconciled", "inPlay", "eachWayDivisor"):
        if definition.get(name):
            yield name
    for name in ("priceLadderDefinition", "keyLineDefinition"):
        if name in definition:
            yield name
    if _UNKNOWN in definition:
        yield "unknown key in definition"
    lines = Counter(runner["id"] for runner in definition["runners"])
    if max(lines.values(), default=0) > 1:
        yield "several lines of one selection"
    for runner in definition["runners"]:
        yield f"hc {runner.get('hc', 'absent')}"
        yield f"runner {runner['status']}"
        if "bsp" in runner:
            yield "bsp of runner" if runner["bsp"] != "NaN" else "bsp NaN"
        if _UNKNOWN in runner:
            yield "unknown key in runner definition"


def _redefined(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if now["marketTime"] != before["marketTime"]:
        yield "off moved later" if now["marketTime"] > before["marketTime"] else "off moved earlier"
    if (before["status"], now["status"]) == ("OPEN", "SUSPENDED"):
        yield "suspension"
        if now["version"] == before["version"]:
            yield "suspension without a new version"
    if (before["status"], now["status"]) == ("SUSPENDED", "OPEN"):
        yield "opened after a suspension"
        if now["version"] != before["version"]:
            yield "opened with a new version"
    if (before["status"], now["status"]) == ("CLOSED", "OPEN"):
        yield "opened after a close"
    if now["inPlay"] and not before["inPlay"]:
        yield "turned in-play"
    if (before["betDelay"], now["betDelay"]) == (0, 5):
        yield "bet delay 0 to 5"
    if now["bspReconciled"] and not before["bspReconciled"]:
        yield "starting prices reconciled"


def _status_changed(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[str]:
    change = (before or {}).get("status"), now["status"]
    if change == ("ACTIVE", "REMOVED"):
        factor = now.get("adjustmentFactor")
        if factor is None:
            yield "removal without factor"
        else:
            yield f"removal with factor {'above' if factor >= _FACTOR_THAT_COUNTS else 'below'} 2.5"
    if change == ("REMOVED", "ACTIVE"):
        yield "reinstated runner"
    if change == ("HIDDEN", "ACTIVE"):
        yield "hidden runner shown"


def _key(named: Mapping[str, Any]) -> Key:
    return named["id"], named.get("hc", 0)


def _standing(ladders: Ladders | None) -> Ladders:
    """Ladders without what is gone."""
    standing = {
        name: {position: level for position, level in ladder.items() if level[-1]}
        for name, ladder in (ladders or {}).items()
    }
    return {name: ladder for name, ladder in standing.items() if ladder}
