"""Sessions: the markets that one instance of a strategy is replayed on. One, or those of an event, a day or a run.

The division depends on the markets only, never on chunks, workers or archives.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from tasks.lake.fingerprint import digest

TOGETHER = {"market": "market_id", "event": "event_id", "day": "market_date"}
"""The catalogue's column that sessions are grouped by; a run is a single session."""

Ratings = Mapping[str, Mapping[int, float]]


class SessionMarket(NamedTuple):
    """A market of a session, and where its messages are.

    Attributes:
        market_id: The market.
        digest: Of its messages; identifies its content in any archive.
        archive: The archive's name in the lake.
        chunk: The chunk of `markets` with its messages.
        upstream: Fingerprint of that chunk's messages.
    """

    market_id: str
    digest: str
    archive: str
    chunk: int
    upstream: str


class Session(NamedTuple):
    """Markets that one instance of a strategy is replayed on.

    Attributes:
        markets: By market time, then market id.
        month: The first market's, `2022-03`, in the track's time zone.
    """

    markets: tuple[SessionMarket, ...]
    month: str

    @property
    def market_ids(self) -> tuple[str, ...]:
        """Its markets."""
        return tuple(market.market_id for market in self.markets)

    def key(self, ratings: Ratings) -> str:
        """Return a digest of a strategy's input: equal for equal messages and ratings, from any archive.

        Args:
            ratings: By market and selection; other markets' are ignored.

        Returns:
            Sixteen hexadecimal digits.
        """
        return digest(
            part
            for market in self.markets
            for part in (
                market.digest.encode(),
                *(
                    f"{selection} {rating!r}".encode()
                    for selection, rating in sorted(ratings.get(market.market_id, {}).items())
                ),
            )
        )


def divide(markets: pd.DataFrame, kind: str) -> Iterator[Session]:
    """Divide markets into sessions.

    Args:
        markets: Rows of `catalogue/markets` with columns `archive` and `upstream`, each market once.
        kind: `market`, `event`, `day` or `run`.

    Yields:
        Sessions that contain every market once, by their first market's time.
    """
    ordered = markets.sort_values(["market_time", "market_id"], ignore_index=True)
    together = ordered.groupby(TOGETHER[kind], sort=False) if kind in TOGETHER else [("", ordered)]
    for _, chosen in together:
        columns = (chosen[name] for name in ("market_id", "digest", "archive", "chunk", "upstream"))
        yield Session(
            tuple(SessionMarket(*row) for row in zip(*columns, strict=True)),
            chosen["market_date"].iloc[0].strftime("%Y-%m"),
        )
