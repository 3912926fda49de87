"""The ticks of a session's markets, in the order in which flumine plays an event group."""

import copy
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from betfairlightweight.resources import MarketBook

from tasks.errors import BacktestError, LakeError
from tasks.simulation.blame import Place
from tasks.simulation.interleaving import interleave
from tasks.simulation.lean import LeanStream, Lull, TradedVolumes, WatchedStream
from tasks.simulation.stream import GROUP, LakeStream
from tasks.variants.running import running

# Flumine replaces it while it simulates.
_REAL = dt.datetime


class Streamed(NamedTuple):
    """A market whose messages are replayed.

    Attributes:
        begins: A lower bound of its publish times, milliseconds since 1970 UTC; 0 is always valid.
        read: Returns its messages as JSON; called once, when the market begins.
    """

    market_id: str
    begins: int
    read: Callable[[], Sequence[str]]


class Ticks:
    """Books of a session's markets; a market is read when its first book may be next, and dropped after its last.

    Attributes:
        ended: Number of markets whose last book was passed.
    """

    def __init__(
        self, session: Sequence[Streamed], stream: type[LeanStream], listener_kwargs: Mapping[str, bool | float]
    ) -> None:
        """Set up without reading.

        Args:
            session: The markets; of two that begin at the same time the first comes first.
            stream: Makes the books.
            listener_kwargs: For flumine's historical listener.
        """
        self.ended = 0
        self._begins = [market.begins for market in session]
        group = GROUP if len(session) > 1 else None
        self._streams = [
            stream(market.market_id, partial(_read_apart, market), listener_kwargs, group) for market in session
        ]
        self._last = self._streams[0]

    @property
    def place(self) -> Place:
        """The market and the tick that was last read."""
        return Place(self._last.file_path, self._last.publish_time)

    def subscribe(self) -> list[LakeStream]:
        """Return copies of the streams for a strategy, which may change them."""
        return [copy.copy(stream) for stream in self._streams]

    def number(self, stream_ids: Sequence[int]) -> None:
        """Number the streams; books carry the number of theirs.

        Args:
            stream_ids: As a framework numbered them; each framework counts from the same number. A strategy may have
                added others.
        """
        for stream, stream_id in zip(self._streams, stream_ids, strict=False):
            stream.stream_id = stream_id

    def __iter__(self) -> Iterator[MarketBook]:
        books = [self._read(stream) for stream in self._streams]
        return interleave(books, self._begins, attrgetter("publish_time_epoch"))

    def rest(self, lull: Lull, volumes: TradedVolumes) -> None:
        """Pass over the ticks to come that a lull of all variants covers, in a session of one market.

        Args:
            volumes: The market's.
        """
        [stream] = self._streams
        stream.rest(lull, volumes)

    def check(self) -> None:
        """Check all books that strategies received last.

        Raises:
            ChangedBookError: A strategy changed one.
        """
        for stream in self._streams:
            if isinstance(stream, WatchedStream):
                self._last = stream
                stream.check()

    def _read(self, stream: LeanStream) -> Iterator[MarketBook]:
        self._last = stream
        for (book,) in stream.create_generator()():
            yield book
            self._last = stream
        self.ended += 1


def _read_apart(market: Streamed) -> Sequence[str]:
    """Read a market's messages outside the simulation: on behalf of no variant, and with the real clock."""
    running.variant = ""
    clock = dt.datetime
    dt.datetime = _REAL  # type: ignore[misc]
    try:
        return market.read()
    except BacktestError:
        raise
    except Exception as error:
        # Whatever its kind, it must not count as a market that flumine cannot replay.
        raise LakeError(f"market {market.market_id} cannot be read: {type(error).__name__}: {error}") from error
    finally:
        dt.datetime = clock  # type: ignore[misc]
