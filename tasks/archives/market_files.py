"""Recognise market files by name."""

import posixpath
import re

MARKET_ID = re.compile(r"1\.\d{9}")
_MARKET_FILE = re.compile(r"(1\.\d{9})(\.(bz2|gz|json|txt))?")


def market_of(path: str) -> str | None:
    """Return the market id in the file name of a path or address; None for other files, such as event files."""
    match = _MARKET_FILE.fullmatch(posixpath.basename(path))
    return match[1] if match else None
