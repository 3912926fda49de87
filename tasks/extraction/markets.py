"""The markets of one member, as tables of the lake's datasets; or the reason why not.

How bytes become messages is in `messages.py`, what messages say of a market in `catalogue.py`.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa

from tasks.extraction.catalogue import MarketHistory
from tasks.extraction.chunks import market_of
from tasks.extraction.messages import BadMemberError, read_messages
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS
from tasks.rejects import Reject


class Market(NamedTuple):
    """A market that can be replayed and settled.

    Attributes:
        market_id: The market.
        messages: Rows of `markets`.
        catalogue: Its row of `catalogue/markets`.
        runners: Rows of `catalogue/runners`.
    """

    market_id: str
    messages: pa.Table
    catalogue: pa.Table
    runners: pa.Table


def read_markets(
    path: str, raw: bytes, chunk: int, why_not: Callable[[str], str | None] = lambda _: None
) -> Iterator[Market | Reject]:
    """Read the markets of a member.

    Args:
        path: The member's, within the archive.
        raw: Its bytes, as stored.
        chunk: The chunk's number.
        why_not: Says where else a market is taken from, if it is.

    Yields:
        A market, or a reject, for each market in it; at least one.
    """
    histories: dict[str, MarketHistory] = {}
    try:
        for message in read_messages(raw):
            history = histories.get(message.market_id)
            if history is None:
                history = histories[message.market_id] = MarketHistory(message.market_id)
            history.add(message)
    except BadMemberError as bad:
        yield Reject(path, bad.reason, bad.detail)
        return
    if not histories:
        yield Reject(path, "no market in it", "no line has a market change (`mc`)")
    named = market_of(path)
    for market_id, history in histories.items():
        if named and market_id != named:
            yield Reject(path, "another market than its name says", f"it holds {market_id}")
            continue
        try:
            market = _tables(history, path, chunk)
        except BadMemberError as bad:
            yield Reject(path, bad.reason, bad.detail)
            continue
        reason = why_not(market_id)
        yield Reject(path, "market twice", f"{market_id} {reason}") if reason else market


def _tables(history: MarketHistory, path: str, chunk: int) -> Market:
    entry = history.describe()
    try:
        messages = [
            pa.array([history.market_id] * len(history.messages), pa.string()),
            pa.array(history.publish_times, pa.int64()),
            pa.array(history.messages, pa.string()),
        ]
        return Market(
            history.market_id,
            pa.table(messages, MARKETS.schema),
            pa.Table.from_pylist([{**entry.market, "member": path, "chunk": chunk}], CATALOGUE_MARKETS.schema),
            pa.Table.from_pylist(entry.runners, CATALOGUE_RUNNERS.schema),
        )
    except (OverflowError, pa.ArrowException) as error:
        raise BadMemberError("bad content", f"{history.market_id}: {error}") from None
