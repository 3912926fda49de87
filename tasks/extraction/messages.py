"""Decompress a member and parse its messages; `catalogue.py` interprets them."""

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from tasks.archives.archive import MEMBER_LIMIT
from tasks.extraction.stream_message import StreamMessage

_PIECE = 1 << 20

# More than ten times those of the largest market seen; all are in memory until their market is complete.
MESSAGES_LIMIT = 2_000_000

# Validates every value's type in the time other parsers take to parse.
_read_line = cast("Callable[[bytes], dict[str, Any]]", msgspec.json.Decoder(StreamMessage).decode)


class BadMemberError(Exception):
    """A member or market that cannot be used; becomes a `Reject` with this reason and detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail


class Message(NamedTuple):
    """What one line of the stream says of one market.

    Attributes:
        market_id: The market.
        publish_time: The exchange's `pt`, milliseconds since 1970 UTC.
        raw: The line, byte for byte; if it concerns several markets, rebuilt with this one only.
        change: The market's entry of `mc`.
        line: The line's number in its member, from 1.
    """

    market_id: str
    publish_time: int
    raw: bytes
    change: dict[str, Any]
    line: int


def decompress(raw: bytes, limit: int = MEMBER_LIMIT) -> bytes:
    """Decompress a member's bytes: bz2, gzip or plain, detected by the first bytes.

    Raises:
        BadMemberError: It is empty, truncated, damaged, or decompresses to more than `limit` bytes.
    """
    pieces, length = [], 0
    try:
        for piece in _decompressed(raw):
            length += len(piece)
            pieces.append(piece)
            if length > limit:
                break
    except EOFError:
        raise BadMemberError("cut short", f"the compressed data ends early, after {length} bytes of JSON") from None
    except (OSError, zlib.error) as error:
        raise BadMemberError("damaged", f"{error}, after {length} bytes of JSON") from None
    if length > limit:
        raise BadMemberError("too large", f"more than {limit} bytes when decompressed")
    if not length:
        raise BadMemberError("empty")
    return b"".join(pieces)


def _decompressed(raw: bytes) -> Iterator[bytes]:
    if raw.startswith(b"BZh"):
        yield from _bunzipped(raw)
    elif raw.startswith(b"\x1f\x8b"):
        with gzip.open(io.BytesIO(raw)) as source:
            while piece := source.read(_PIECE):
                yield piece
    else:
        yield raw


def _bunzipped(raw: bytes) -> Iterator[bytes]:
    # bz2.BZ2File treats a damaged stream after a complete one as the end.
    while raw:
        stream = bz2.BZ2Decompressor()
        while not stream.eof:
            piece = stream.decompress(raw, _PIECE)
            if not piece and stream.needs_input and not stream.eof:
                raise EOFError
            raw = b""
            yield piece
        raw = stream.unused_data


def read_messages(raw: bytes) -> Iterator[Message]:
    """Yield the messages in a member's bytes, per line and market, in the stream's order.

    Raises:
        BadMemberError: It cannot be read completely.
    """
    content = decompress(raw)
    _check_text(content)
    # Line by line: a list of many empty lines would take many times their memory.
    messages = 0
    for number, line in enumerate(io.BytesIO(content), start=1):
        stripped = line.rstrip(b"\r\n")
        if not stripped:
            continue
        messages += 1
        if messages > MESSAGES_LIMIT:
            raise BadMemberError("too many messages", f"more than {MESSAGES_LIMIT}")
        try:
            message = _read_line(stripped)
        except msgspec.ValidationError as error:
            raise BadMemberError("not a stream message", f"line {number}: {error}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadMemberError("bad JSON", f"line {number}: {error}") from None
        publish_time, changes = message["pt"], message.get("mc", ())
        if len(changes) == 1:
            yield Message(changes[0]["id"], publish_time, stripped, changes[0], number)
        else:
            yield from _apart(stripped, publish_time, changes, number)


def _check_text(content: bytes) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), _PIECE):
        is_last = start + _PIECE >= len(content)
        try:
            decoder.decode(content[start : start + _PIECE], final=is_last)
        except UnicodeDecodeError as error:
            # The error's object begins with the bytes that the decoder kept from the previous piece.
            place = min(start + _PIECE, len(content)) - len(error.object) + error.start
            raise BadMemberError("bad JSON", f"not UTF-8: {error.reason} at byte {place}") from None


def _apart(line: bytes, publish_time: int, changes: Sequence[dict[str, Any]], number: int) -> Iterator[Message]:
    """Split a line that concerns several markets into one message each, unknown fields included."""
    message = msgspec.json.decode(line)
    for whole, change in zip(message.get("mc", ()), changes, strict=True):
        yield Message(change["id"], publish_time, msgspec.json.encode({**message, "mc": [whole]}), change, number)
