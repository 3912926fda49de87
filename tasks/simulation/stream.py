"""Market books from the lake's messages, by flumine's own listener and cache."""

from collections.abc import Callable, Iterator, Sequence

from betfairlightweight.resources import MarketBook
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream


class LakeStream(BetfairHistoricalStream):  # type: ignore[misc]  # flumine ships no types
    """One market's historical stream, read from the lake in place of a file.

    Attributes:
        publish_time: Of the message last read, milliseconds since 1970 UTC; tells where a strategy raised.
    """

    def __init__(self, market_id: str, messages: Sequence[str], listener_kwargs: dict[str, bool | float]) -> None:
        """Make it.

        Args:
            market_id: The market.
            messages: JSON of each.
            listener_kwargs: What flumine calls the window.
        """
        super().__init__(file_path=market_id, listener_kwargs=listener_kwargs)
        self._messages = messages
        self.publish_time = 0

    def create_generator(self) -> Callable[[], Iterator[list[MarketBook]]]:
        """Give flumine the market's books, made as its own generator makes them."""
        self._listener.update_clk = False
        return self._books

    def _books(self) -> Iterator[list[MarketBook]]:
        self._listener.register_stream(self.stream_id, self.operation)
        caches = self._listener.stream._caches  # noqa: SLF001 - flumine's own generator reads them here too
        for message in self._messages:
            if self._listener.on_data(message):
                books = [cache.create_resource(self.stream_id, snap=True) for cache in caches.values() if cache.active]
                if books:
                    self.publish_time = books[0].publish_time_epoch
                yield books
