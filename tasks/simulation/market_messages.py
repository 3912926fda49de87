"""The source of a replay's messages: the lake's windows, one market at a time; missing windows are made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from tasks.errors import LakeError
from tasks.lake.dataset import Key
from tasks.lake.datasets import MARKETS, WINDOWS
from tasks.lake.parquet import Reader
from tasks.orders.job import ReplayJob
from tasks.orders.session import Session, SessionMarket
from tasks.simulation.ticks import Streamed
from tasks.variants.variant import FLUMINE
from tasks.windows.files import WindowsFile, row_groups

_PUBLISH_TIME = WINDOWS.schema.get_field_index("publish_time")


class _Chunk(NamedTuple):
    """A chunk of messages.

    Attributes:
        archive: The archive's name.
        upstream: Fingerprint of its messages.
    """

    archive: str
    number: int
    upstream: str


class _Group(NamedTuple):
    """Where a market's messages are in their file.

    Attributes:
        number: Of the row group.
        begins: The first publish time in it, milliseconds since 1970 UTC.
    """

    number: int
    begins: int


class MarketMessages:
    """The messages of a job's markets; a file stays open while markets of it are still to come."""

    def __init__(self, job: ReplayJob, opened: ExitStack) -> None:
        """Read nothing yet; `opened` closes in the end what is still open."""
        self._job, self._opened = job, opened
        markets = [market for session in job.sessions for market in session.markets]
        self._wanted: dict[_Chunk, list[str]] = {}
        for market in markets:
            self._wanted.setdefault(_chunk_of(market), []).append(market.market_id)
        self._left = Counter(map(_chunk_of, markets))
        self._groups: dict[str, _Group] = {}
        self._readers: dict[_Chunk, tuple[ExitStack, Reader]] = {}

    def of(self, session: Session) -> list[Streamed]:
        """Return a session's markets, to be read when they begin.

        Raises:
            LakeError: A chunk's messages are missing, damaged, or lack a market.
        """
        # The start time does not matter for a single market.
        is_alone = len(session.markets) == 1
        return [
            Streamed(market.market_id, 0 if is_alone else self._begins(market), partial(self._read, market))
            for market in session.markets
        ]

    def _begins(self, market: SessionMarket) -> int:
        if market.market_id not in self._groups:
            with self._reading(_chunk_of(market)):
                pass  # opening the chunk locates all of its markets
        return self._groups[market.market_id].begins

    def _read(self, market: SessionMarket) -> Sequence[str]:
        chunk = _chunk_of(market)
        if chunk not in self._readers:
            opened = self._opened.enter_context(ExitStack())
            self._readers[chunk] = opened, opened.enter_context(self._reading(chunk))
        opened, reader = self._readers[chunk]
        group = self._groups[market.market_id].number
        messages: list[str] = reader.read_row_group(group, ["message"]).column(0).to_pylist()
        self._left[chunk] -= 1
        if not self._left[chunk]:
            del self._readers[chunk]
            opened.close()
        return messages

    @contextmanager
    def _reading(self, chunk: _Chunk) -> Iterator[Reader]:
        key, fingerprint = self._file(chunk)
        with self._job.lake.reader(key, fingerprint) as reader:
            groups = row_groups(reader)
            missing = [market_id for market_id in self._wanted[chunk] if market_id not in groups]
            if missing:
                raise LakeError(
                    f"{key.path} lacks {len(missing)} markets of its catalogue ({missing[0]}, …); extract it again"
                )
            for market_id in self._wanted[chunk]:
                number = groups[market_id]
                begins = reader.metadata.row_group(number).column(_PUBLISH_TIME).statistics.min
                self._groups[market_id] = _Group(number, begins)
            yield reader

    def _file(self, chunk: _Chunk) -> tuple[Key, str]:
        """Choose the file to replay; `--engine flumine` reads all messages, which also verifies the compression."""
        job, variant = self._job, self._job.variants[0]
        if variant.engine == FLUMINE:
            return MARKETS.at(chunk.archive, chunk.number), chunk.upstream
        windows = WindowsFile(job.lake, variant.window, chunk.archive, chunk.number, chunk.upstream)
        if windows.fresh() is None:
            windows.make()
        return windows.key, windows.fingerprint


def _chunk_of(market: SessionMarket) -> _Chunk:
    return _Chunk(market.archive, market.chunk, market.upstream)
