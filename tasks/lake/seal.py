"""Checksums of a Parquet file, kept in its footer: of the footer itself, and of all that is before it.

Parquet has checksums of pages and none of the footer, which says what the pages are: a flipped byte there could turn
one market into another. The footer is checked whenever a file is opened, and its pages as they are read; all that is
before the footer only where somebody asks. What else is in the footer is the store's business.
"""

import hashlib
import re
from typing import IO

import pyarrow as pa

KEY = b"seal"
"""Under which the footer's key-value metadata has it."""

_DIGITS = 16
_CONTENT, _FOOTER = b"content-sha256:", b"footer-sha256:"

BLANK = _CONTENT + b"0" * _DIGITS + b" " + _FOOTER + b"0" * _DIGITS
"""What stands there until the file is written."""

_SEAL = re.compile(rb"content-sha256:(?P<content>[0-9a-f]{16}) footer-sha256:(?P<footer>[0-9a-f]{16})")
_MAGIC = b"PAR1"
_TAIL = 8  # the footer's length, and the magic
_PIECE = 1 << 20


def seal(file: IO[bytes]) -> None:
    """Put the checksum where the blank is.

    Args:
        file: A whole Parquet file with `BLANK` in its metadata, to be read and written anywhere.
    """
    start, footer = _read_footer(file)
    position = footer.index(BLANK)
    blank = _CONTENT + _checksum_before(file, start) + BLANK[len(_CONTENT) + _DIGITS :]
    footer = footer.replace(BLANK, blank)
    file.seek(start + position)
    file.write(blank[:-_DIGITS] + _checksum(footer))
    file.seek(0, 2)


def check_seal(file: IO[bytes]) -> None:
    """Check a footer against its checksum.

    Args:
        file: A Parquet file.

    Raises:
        pyarrow.ArrowInvalid: It is none, its footer is not what was written, or nobody sealed it.
    """
    _sealed(file)
    file.seek(0)


def check_content(file: IO[bytes]) -> None:
    """Check a whole file against its checksum.

    Args:
        file: A Parquet file.

    Raises:
        pyarrow.ArrowInvalid: It is none, not what was written, or nobody sealed it.
    """
    start, content = _sealed(file)
    if _checksum_before(file, start) != content:
        raise pa.ArrowInvalid("its content is not what its checksum says")
    file.seek(0)


def _sealed(file: IO[bytes]) -> tuple[int, bytes]:
    """Check a footer; return where it starts, and the checksum of what is before it."""
    start, footer = _read_footer(file)
    found = _SEAL.search(footer)
    if found is None:
        raise pa.ArrowInvalid("it has no seal, so it was written by another program or version")
    if found["footer"] != _checksum(footer[: found.start("footer")] + b"0" * _DIGITS + footer[found.end("footer") :]):
        raise pa.ArrowInvalid("the footer is not what its checksum says")
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
        raise pa.ArrowInvalid("it does not end as a Parquet file does")
    file.seek(start)
    return start, file.read(end - _TAIL - start)
