"""Market books from the lake's messages, by flumine's own listener and cache."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from betfairlightweight.resources import MarketBook
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

# Flumine plays streams of one group in the order of their books' times.
GROUP = "session"


class LakeStream(BetfairHistoricalStream):  # type: ignore[misc]  # flumine ships no types
    """One market's historical stream, read from the lake instead of a file when its first book is requested.

    Attributes:
        publish_time: Of the message last read, milliseconds since 1970 UTC; used to report where a strategy raised.
        market_filter: The market id, which flumine's log shows.
    """

    def __init__(
        self,
        market_id: str,
        read: Callable[[], Sequence[str]],
        listener_kwargs: Mapping[str, bool | float],
        group: str | None = None,
    ) -> None:
        """Set up without reading.

        Args:
            read: Returns its messages as JSON.
            listener_kwargs: The window and the volumes to sum, as flumine's listener takes them.
            group: `GROUP` where other markets are played together with it, by the time of their books.
        """
        super().__init__(
            file_path=market_id,
            listener_kwargs=dict(listener_kwargs),
            event_processing=group is not None,
            event_group=group,
        )
        self.market_filter = market_id
        self.publish_time = 0
        self._read = read

    @cached_property
    def stream_hash(self) -> int:
        """Cached: flumine asks every stream for it whenever it adds one."""
        return int(super().stream_hash)

    def create_generator(self) -> Callable[[], Iterator[list[MarketBook]]]:
        """Return the generator of the market's books, which makes them as flumine's own does."""
        self._listener.update_clk = False
        return self._books

    def _books(self) -> Iterator[list[MarketBook]]:
        self._listener.register_stream(self.stream_id, self.operation)
        caches = self._listener.stream._caches  # noqa: SLF001 - flumine's own generator reads them here too
        for message in self._read():
            if self._listener.on_data(message):
                books = [cache.create_resource(self.stream_id, snap=True) for cache in caches.values() if cache.active]
                if books:
                    self.publish_time = books[0].publish_time_epoch
                yield books
