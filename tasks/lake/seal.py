"""Checksums of a Parquet file, stored in its footer: one of the footer itself, one of everything before it.

Parquet has page checksums but none of the footer, which describes the pages: a flipped byte there could turn one market
into another. The footer is checked whenever a file is opened, pages as they are read, and the content checksum only on
request.
"""

import hashlib
import re
from typing import IO

import pyarrow as pa

KEY = b"seal"
"""The seal's key in the footer's key-value metadata."""

_DIGITS = 16
_CONTENT, _FOOTER = b"content-sha256:", b"footer-sha256:"

BLANK = _CONTENT + b"0" * _DIGITS + b" " + _FOOTER + b"0" * _DIGITS
"""The placeholder until the file is written."""

_SEAL = re.compile(rb"content-sha256:(?P<content>[0-9a-f]{16}) footer-sha256:(?P<footer>[0-9a-f]{16})")
_MAGIC = b"PAR1"
_TAIL = 8  # the footer's length, and the magic
_PIECE = 1 << 20


def seal(file: IO[bytes]) -> None:
    """Replace the blank with the checksums.

    Args:
        file: A complete Parquet file with `BLANK` in its metadata; readable, writable and seekable.
    """
    start, footer = _read_footer(file)
    position = footer.index(BLANK)
    blank = _CONTENT + _checksum_before(file, start) + BLANK[len(_CONTENT) + _DIGITS :]
    footer = footer.replace(BLANK, blank)
    file.seek(start + position)
    file.write(blank[:-_DIGITS] + _checksum(footer))
    file.seek(0, 2)


def check_seal(file: IO[bytes]) -> None:
    """Check a file's footer against its checksum.

    Raises:
        pyarrow.ArrowInvalid: It is not a Parquet file, has no seal, or its footer fails the checksum.
    """
    _sealed(file)
    file.seek(0)


def check_content(file: IO[bytes]) -> None:
    """Check a file's footer and content against their checksums.

    Raises:
        pyarrow.ArrowInvalid: It is not a Parquet file, has no seal, or fails a checksum.
    """
    start, content = _sealed(file)
    if _checksum_before(file, start) != content:
        raise pa.ArrowInvalid("its content does not match its checksum")
    file.seek(0)


def _sealed(file: IO[bytes]) -> tuple[int, bytes]:
    """Check a footer; return its offset, and the checksum of everything before it."""
    start, footer = _read_footer(file)
    found = _SEAL.search(footer)
    if found is None:
        raise pa.ArrowInvalid("it has no seal: another program or version wrote it")
    if found["footer"] != _checksum(footer[: found.start("footer")] + b"0" * _DIGITS + footer[found.end("footer") :]):
        raise pa.ArrowInvalid("its footer does not match its checksum")
    return start, found["content"]


def _checksum(footer: bytes) -> bytes:
    return hashlib.sha256(footer).hexdigest()[:_DIGITS].encode()


def _checksum_before(file: IO[bytes], end: int) -> bytes:
    hashed, left = hashlib.sha256(), end
    file.seek(0)
    while left and (piece := file.read(min(left, _PIECE))):
        hashed.update(piece)
        left -= len(piece)
    return hashed.hexdigest()[:_DIGITS].encode()


def _read_footer(file: IO[bytes]) -> tuple[int, bytes]:
    end = file.seek(0, 2)
    file.seek(max(0, end - _TAIL))
    tail = file.read(_TAIL)
    start = end - _TAIL - int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or start < len(_MAGIC):
        raise pa.ArrowInvalid("it does not end like a Parquet file")
    file.seek(start)
    return start, file.read(end - _TAIL - start)
