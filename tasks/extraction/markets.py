"""Read a member's markets as tables of the lake's datasets, or as rejects.

`messages.py` parses bytes into messages; `catalogue.py` builds the catalogue from messages.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa

from tasks.archives.market_files import market_of
from tasks.extraction.catalogue import MarketHistory
from tasks.extraction.messages import BadMemberError, Message, read_messages
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS
from tasks.rejects import Reject
from tasks.windows.compress import WindowCompressor
from tasks.windows.files import as_table
from tasks.windows.window import Window

# What Python raises on a message with missing fields or other types than the exchange sends.
_MISFITS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


class Intake:
    """Counts the input of a chunk's extraction, to be compared with its output.

    Attributes:
        members: Members that were read.
        markets: Markets in the members' messages. A member without markets, or one that cannot be read completely,
            counts as one: it becomes one reject.
    """

    def __init__(self) -> None:
        self.members = self.markets = 0

    def add(self, markets: int) -> None:
        """Count a member with a number of markets; 0 if it cannot be read."""
        self.members += 1
        self.markets += max(markets, 1)


class Market(NamedTuple):
    """A market that can be replayed and settled.

    Attributes:
        market_id: The market.
        messages: Rows of `markets`.
        catalogue: Its row of `catalogue/markets`.
        runners: Rows of `catalogue/runners`.
        compressed: Rows of `windows`.
    """

    market_id: str
    messages: pa.Table
    catalogue: pa.Table
    runners: pa.Table
    compressed: pa.Table


def read_markets(  # noqa: PLR0913 - the first four define the input; the others are optional
    path: str,
    raw: bytes,
    chunk: int,
    window: str,
    why_not: Callable[[str], str | None] = lambda _: None,
    *,
    intake: Intake | None = None,
) -> Iterator[Market | Reject]:
    """Read the markets of a member.

    Args:
        path: The member's, within the archive.
        raw: Its bytes, as stored.
        chunk: The chunk's number.
        window: The part of the markets that will be replayed.
        why_not: Given a market id, says which other member it is taken from, or returns None.
        intake: Counts the input.

    Yields:
        A market or a reject for each market in the member; at least one.
    """
    intake = intake or Intake()
    histories: dict[str, _Reading] = {}
    entered = 0
    try:
        for message in read_messages(raw):
            reading = histories.get(message.market_id)
            if reading is None:
                entered += 1
                reading = histories[message.market_id] = _Reading(message, window)
            reading.add(message)
    except BadMemberError as bad:
        intake.add(0)
        yield Reject(path, bad.reason, bad.detail)
        return
    intake.add(entered)
    if not histories:
        yield Reject(path, "no market in it", "no line has a market change (`mc`)")
    named = market_of(path)
    for market_id, reading in histories.items():
        if named and market_id != named:
            yield Reject(path, "another market than its name says", f"it holds {market_id}")
            continue
        try:
            market = reading.tables(path, chunk)
        except BadMemberError as bad:
            yield Reject(path, bad.reason, bad.detail)
            continue
        reason = why_not(market_id)
        yield Reject(path, "market twice", f"{market_id} {reason}") if reason else market


class _Reading:
    def __init__(self, first: Message, window: str) -> None:
        self._history = MarketHistory(first.market_id)
        self._compressor = WindowCompressor(Window.parse(window))
        self._windows: list[tuple[int, bytes]] = []
        self._problem = ""

    def add(self, message: Message) -> None:
        self._history.add(message)
        if self._problem:
            return
        try:
            self._windows.extend(self._compressor.add(message.publish_time, message.raw, message.change))
        except _MISFITS as error:
            self._problem = f"{type(error).__name__} {error}"

    def tables(self, path: str, chunk: int) -> Market:
        history = self._history
        entry = history.describe()
        if self._problem:
            raise BadMemberError("bad content", f"{history.market_id}: {self._problem}")
        try:
            return Market(
                history.market_id,
                as_table(history.market_id, zip(history.publish_times, history.messages, strict=True)),
                pa.Table.from_pylist([{**entry.market, "member": path, "chunk": chunk}], CATALOGUE_MARKETS.schema),
                pa.Table.from_pylist(entry.runners, CATALOGUE_RUNNERS.schema),
                as_table(history.market_id, [*self._windows, *self._compressor.finish()]),
            )
        except (*_MISFITS, pa.ArrowException) as error:
            raise BadMemberError("bad content", f"{history.market_id}: {error}") from None
