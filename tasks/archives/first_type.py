"""Read a member's market type from its first message, decompressing no more than that takes."""

import bz2
import re
import zlib
from typing import Required, TypedDict

import msgspec

from tasks.archives.market_files import market_of

# Many times the longest first message seen. One that is longer costs speed only: its type is not known.
_BEGINNING = 1 << 16

_GZIP = 16 + zlib.MAX_WBITS

MARKET_TYPE = re.compile(r"\w+", re.ASCII)
"""What the exchange's market types look like."""


class _Definition(TypedDict):
    marketType: Required[str]


class _Change(TypedDict):
    id: Required[str]
    marketDefinition: Required[_Definition]


class _Message(TypedDict):
    mc: Required[list[_Change]]


_read_line = msgspec.json.Decoder(_Message).decode


def first_type(path: str, raw: bytes) -> str:
    """Return the market type of a member's first definition, in upper case.

    No checksum is verified: what follows the first message may be damaged.

    Args:
        path: The member's, within the archive.
        raw: Its bytes, as stored.

    Returns:
        The type; empty unless the member is a market's file whose first message defines that market and nothing else.
    """
    market_id = market_of(path)
    if market_id is None:
        return ""
    try:
        line, newline, _ = _beginning(raw).partition(b"\n")
        changes = _read_line(line)["mc"]
    except (OSError, zlib.error, msgspec.DecodeError, RecursionError):
        return ""
    if not newline or [change["id"] for change in changes] != [market_id]:
        return ""
    market_type = changes[0]["marketDefinition"]["marketType"]
    return market_type.upper() if MARKET_TYPE.fullmatch(market_type) else ""


def _beginning(raw: bytes) -> bytes:
    if raw.startswith(b"BZh"):
        return bz2.BZ2Decompressor().decompress(raw, _BEGINNING)
    if raw.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(_GZIP).decompress(raw, _BEGINNING)
    return raw[:_BEGINNING]
