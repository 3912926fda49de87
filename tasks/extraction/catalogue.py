"""Build a market's rows of the catalogue from its messages: its definitions, and its volume before settlement."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tasks.archives.market_files import MARKET_ID
from tasks.extraction.messages import BadMemberError, Message
from tasks.extraction.replayable import ReplayCheck
from tasks.lake.dataset import Dataset
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS
from tasks.lake.fingerprint import digest

_RACE = re.compile(r"R(?P<number>\d+)\s+(?P<distance>\d+)m\b\s*(?P<grade>.*)")
_RUNNER = re.compile(r"(?P<number>\d+)\.\s+(?P<name>.+)")

Row = dict[str, Any]
_RunnerKey = tuple[int, float]
_Result = tuple[dict[_RunnerKey, str | None], int | None, float | None]

_PER_CENT = 100
# Per cent; smaller adjustment factors do not reduce prices.
_LEAST_REDUCTION = 2.5


class Entry(NamedTuple):
    """A market's rows of the catalogue; the caller adds `member` and `chunk`."""

    market: Row
    runners: list[Row]


class MarketHistory:
    """Accumulates a market's messages; keeps the raw messages but not their parsed content.

    Attributes:
        market_id: The market.
        publish_times: Of each message, milliseconds since 1970 UTC.
        messages: The raw JSON of each.
    """

    def __init__(self, market_id: str) -> None:
        self.market_id = market_id
        self.publish_times: list[int] = []
        self.messages: list[bytes] = []
        self._definition: Row = {}
        self._first_definition: Row = {}
        self._announced: dict[str | None, None] = {}
        self._first_closed: Row = {}
        # The adjustment factors that each runner was withdrawn with before the off.
        self._withdrawn: dict[_RunnerKey, set[float]] = {}
        # When each runner's withdrawal with a factor was announced first, milliseconds since 1970 UTC.
        self._withdrawn_at: dict[_RunnerKey, int] = {}
        self._off: int | None = None
        self._traded = _TradedVolume()
        self._total_matched: float | None = None
        self._replay = ReplayCheck(market_id)
        self._line = 0
        self._problem = "" if MARKET_ID.fullmatch(market_id) else "bad market id"

    def add(self, message: Message) -> None:
        """Add the next message of this market."""
        if self.publish_times and message.publish_time < self.publish_times[-1]:
            self._problem = self._problem or "out of time order"
        if message.line == self._line:
            # Flumine makes one book of both, the lake has a message for each.
            self._problem = self._problem or "two changes in one message"
        self._line = message.line
        self.publish_times.append(message.publish_time)
        self.messages.append(message.raw)
        if self._problem:
            return
        try:
            definition = message.change.get("marketDefinition")
            if definition:
                self._off = _off(self._definition, definition, message.publish_time, self._off)
                self._first_definition = self._first_definition or definition
                self._definition = definition
                self._announced[definition.get("marketTime")] = None
                if definition.get("status") == "CLOSED" and not self._first_closed:
                    self._first_closed = definition
                self._withdraw(message.publish_time)
            elif not self._definition:
                self._problem = "no definition at the start"
            self._take(message, message.change)
        except (AttributeError, KeyError, TypeError, ValueError):
            self._problem = "bad content"

    def _withdraw(self, publish_time: int) -> None:
        is_before = not self._first_closed and not self._definition.get("inPlay")
        for key, factor in _withdrawals(self._definition).items():
            if factor:
                self._withdrawn_at.setdefault(key, publish_time)
            if is_before:
                self._withdrawn.setdefault(key, set()).add(factor)

    def _take(self, message: Message, change: Row) -> None:
        is_image = change.get("img")
        if is_image:
            self._traded.clear()
        if is_image or "marketDefinition" in change:
            self._replay.define(change, len(self.messages))
        if "tv" in change:
            self._total_matched = max(change["tv"], self._total_matched or 0)
        known = self._replay.known
        # Hot loop: most of extraction's own time is spent here.
        for entry in change.get("rc", ()):
            if ((entry["id"], entry["hc"]) if "hc" in entry else entry["id"]) not in known:
                self._replay.name(message, len(self.messages))
            if "trd" in entry:
                self._traded.add(entry)

    def describe(self) -> Entry:
        """Return the market's rows of `catalogue/markets` and `catalogue/runners`, once all messages were added.

        Raises:
            BadMemberError: It cannot be replayed and settled: a bad id, a first message without definition, no close, a
                message on which flumine's stream would raise.
        """
        if self._problem:
            raise BadMemberError(self._problem, self.market_id)
        if self._definition.get("status") != "CLOSED":
            raise BadMemberError(
                "never closes", f"{self.market_id}: its last status is {self._definition.get('status')}"
            )
        try:
            entry = Entry(self._market_row(), self._runner_rows())
        except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError) as error:
            raise BadMemberError("bad content", f"{self.market_id}: {type(error).__name__} {error}") from None
        if self._replay.problem:
            raise self._replay.problem
        first, last = (one.get("marketType") for one in (self._first_definition, self._definition))
        if first and last and first.upper() != last.upper():
            # A run that asks for the last type would not find it: files are extracted by the first.
            raise BadMemberError("another market type in the end", f"{self.market_id}: first {first}, then {last}")
        if not _is_percentage(rate := self._definition.get("marketBaseRate")):
            raise BadMemberError(
                "bad base rate", f"{self.market_id}: marketBaseRate is {rate!r}, not a number from 0 to 100"
            )
        if not isinstance(allowed := self._definition.get("discountAllowed", False), bool):
            raise BadMemberError("bad discount", f"{self.market_id}: discountAllowed is {allowed!r}, not true or false")
        for dataset, rows in ((CATALOGUE_MARKETS, [entry.market]), (CATALOGUE_RUNNERS, entry.runners)):
            if empty := _empty_values(dataset, rows):
                raise BadMemberError("bad content", f"{self.market_id}: no {empty[0]} in its last definition")
        return entry

    def _market_row(self) -> Row:
        definition = self._definition
        name = definition.get("name")
        race = _RACE.fullmatch(name) if name else None
        # Times never decrease, so if the first and the last are representable, all are.
        times = [_from_milliseconds(publish_time) for publish_time in (self.publish_times[0], self.publish_times[-1])]
        settled = definition.get("settledTime")
        market_time = _time(definition["marketTime"])
        return {
            "market_id": self.market_id,
            "event_id": definition["eventId"],
            "event_name": definition.get("eventName"),
            "event_type_id": definition["eventTypeId"],
            "venue": definition.get("venue"),
            "country_code": definition.get("countryCode"),
            "market_type": definition.get("marketType"),
            "market_name": name,
            "race_number": int(race["number"]) if race else None,
            "race_distance": int(race["distance"]) if race else None,
            "race_grade": race["grade"] or None if race else None,
            "market_time": market_time,
            "announced": list(_times(self._announced)),
            "market_date": _local_date(market_time, definition.get("timezone")),
            "off_time": _from_milliseconds(self._off) if self._off else None,
            "settled_time": _time(settled) if settled else times[-1],
            "market_base_rate": _number(definition.get("marketBaseRate")),
            "discount_allowed": definition.get("discountAllowed", False),
            "betting_type": definition.get("bettingType"),
            "each_way_divisor": _number(definition.get("eachWayDivisor")),
            "amended": _result(definition) != _result(self._first_closed),
            **self._withdrawal_columns(),
            "bsp_market": bool(definition.get("bspMarket")),
            "number_of_winners": int(definition["numberOfWinners"]),
            "runners": len(definition["runners"]),
            "total_matched": _number(self._total_matched),
            "messages": len(self.messages),
            "bytes": sum(map(len, self.messages)),
            "digest": digest(self.messages),
        }

    def _withdrawal_columns(self) -> Row:
        """Compare the last definition's withdrawals with those announced before the off."""
        last, before = _withdrawals(self._definition), self._withdrawn
        late = {factor for key, factor in last.items() if factor and factor not in before.get(key, ())}
        back = {(runner["id"], runner.get("hc", 0)) for runner in self._definition["runners"]} - last.keys()
        return {
            "late_withdrawal": any(factor >= _LEAST_REDUCTION for factor in late),
            "late_small_withdrawal": any(factor < _LEAST_REDUCTION for factor in late),
            "withdrawal_corrected": any(
                key in back or len((factors | {last.get(key, 0.0)}) - {0.0}) > 1 for key, factors in before.items()
            ),
        }

    def _runner_rows(self) -> list[Row]:
        rows = []
        for runner in self._definition["runners"]:
            key = (runner["id"], runner.get("hc", 0))
            named = _RUNNER.fullmatch(runner.get("name") or "")
            rows.append(
                {
                    "market_id": self.market_id,
                    "selection_id": int(key[0]),
                    "handicap": float(key[1]),
                    "name": named["name"] if named else runner.get("name"),
                    "number": int(named["number"]) if named else None,
                    "sort_priority": runner.get("sortPriority"),
                    "status": runner["status"],
                    "bsp": _number(runner.get("bsp")),
                    "adjustment_factor": _number(runner.get("adjustmentFactor")),
                    "withdrawn_at": _from_milliseconds(self._withdrawn_at[key]) if key in self._withdrawn_at else None,
                    "traded": self._traded.of(key),
                }
            )
        if len({(row["selection_id"], row["handicap"]) for row in rows}) != len(rows):
            raise ValueError("a runner is defined twice")
        return rows


def _empty_values(dataset: Dataset, rows: Iterable[Row]) -> list[str]:
    """Name the required columns that are empty; the caller adds the chunk's own columns later."""
    needed = [column.name for column in dataset.columns if not column.nullable]
    return [name for row in rows for name in needed if name in row and row[name] is None]


class _TradedVolume:
    """Tracks each runner's maximum traded volume: the second-last message resets every size to 0."""

    def __init__(self) -> None:
        self._fullest: dict[_RunnerKey, float] = {}
        self._ladders: dict[_RunnerKey, dict[float, float]] = {}
        self._totals: dict[_RunnerKey, float] = {}

    def clear(self) -> None:
        self._ladders.clear()
        self._totals.clear()

    def add(self, runner: Row) -> None:
        key = (runner["id"], runner.get("hc", 0))
        ladder, total = self._ladders.setdefault(key, {}), self._totals.get(key, 0.0)
        for price, size in runner["trd"]:
            total += size - ladder.get(price, 0.0)
            ladder[price] = size
        self._totals[key] = total
        if total > self._fullest.get(key, -1.0):
            self._fullest[key] = total

    def of(self, key: _RunnerKey) -> float | None:
        fullest = self._fullest.get(key)
        return None if fullest is None else round(max(fullest, 0.0), 2)


def _off(before: Row, after: Row, publish_time: int, off: int | None) -> int | None:
    if after.get("inPlay"):
        return off if before.get("inPlay") else publish_time
    if after.get("status") == "SUSPENDED" and before.get("status") == "OPEN":
        return publish_time
    return off


def _result(definition: Row) -> _Result:
    """Return everything in a definition that bets' settlement depends on."""
    statuses = {(runner["id"], runner.get("hc", 0)): runner.get("status") for runner in definition["runners"]}
    return statuses, definition.get("numberOfWinners"), definition.get("eachWayDivisor")


def _withdrawals(definition: Row) -> dict[_RunnerKey, float]:
    """Return the adjustment factor of each removed runner; 0 without one."""
    # A definition without runners is refused elsewhere.
    return {
        (runner["id"], runner.get("hc", 0)): _number(runner.get("adjustmentFactor")) or 0.0
        for runner in definition.get("runners") or ()
        if runner.get("status") == "REMOVED"
    }


def _is_percentage(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _PER_CENT


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _times(texts: Iterable[str | None]) -> Iterator[datetime]:
    """Yield the valid times; `ReplayCheck` refuses a definition with an invalid one."""
    for text in texts:
        with suppress(TypeError, ValueError):
            yield _time(text or "")


def _local_date(time: datetime, timezone: str | None) -> date:
    try:
        return time.astimezone(ZoneInfo(timezone or "UTC")).date()
    except ZoneInfoNotFoundError:
        return time.date()


def _from_milliseconds(publish_time: int) -> datetime:
    return datetime.fromtimestamp(publish_time / 1000, tz=UTC)


def _number(value: Any) -> float | None:  # noqa: ANN401 - the exchange sends numbers, "NaN" and "Infinity"
    if value is None or value in ("NaN", "Infinity"):
        return None
    return float(value)
