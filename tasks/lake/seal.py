"""A checksum of a Parquet file's footer, kept in the footer itself.

Parquet has checksums of pages and none of the footer, which says what the pages are: a flipped byte there could turn
one market into another. What else is in the footer is the store's business.
"""

import hashlib
import re
from typing import IO

import pyarrow as pa

KEY = b"seal"
"""Under which the footer's key-value metadata has it."""

BLANK = b"footer-sha256:" + b"0" * 16
"""What stands there until the footer is written."""

_SEAL = re.compile(rb"footer-sha256:[0-9a-f]{16}")
_MAGIC = b"PAR1"
_TAIL = 8  # the footer's length, and the magic


def seal(file: IO[bytes]) -> None:
    """Put the checksum where the blank is.

    Args:
        file: A whole Parquet file with `BLANK` in its metadata, to be read and written anywhere.
    """
    start, footer = _read_footer(file)
    position = footer.index(BLANK)
    file.seek(start + position)
    file.write(_checksum(footer))
    file.seek(0, 2)


def check_seal(file: IO[bytes]) -> None:
    """Check a footer against its checksum; one without is let pass.

    Args:
        file: A Parquet file.

    Raises:
        pyarrow.ArrowInvalid: It is none, or its footer is not what was written.
    """
    _, footer = _read_footer(file)
    found = _SEAL.search(footer)
    if found and found[0] != _checksum(footer[: found.start()] + BLANK + footer[found.end() :]):
        raise pa.ArrowInvalid("the footer is not what its checksum says")
    file.seek(0)


def _checksum(footer: bytes) -> bytes:
    return b"footer-sha256:" + hashlib.sha256(footer).hexdigest()[:16].encode()


def _read_footer(file: IO[bytes]) -> tuple[int, bytes]:
    end = file.seek(0, 2)
    file.seek(max(0, end - _TAIL))
    tail = file.read(_TAIL)
    start = end - _TAIL - int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or start < len(_MAGIC):
        raise pa.ArrowInvalid("it does not end as a Parquet file does")
    file.seek(start)
    return start, file.read(end - _TAIL - start)
