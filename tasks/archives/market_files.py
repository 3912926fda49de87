"""Recognise market files by name."""

import posixpath
import re

MARKET_ID = re.compile(r"1\.\d{9}")
# Of an event file, and of a copy that a browser or a person has renamed: `1.200806927 (1).bz2`.
_ID = re.compile(r"(1\.\d{9}|\d{6,})\b")
_MARKET_FILE = re.compile(r"(1\.\d{9})(\.(bz2|gz|json|txt))?")


def market_of(path: str) -> str | None:
    """Return the market id in the file name of a path or address; None for other files, such as event files."""
    match = _MARKET_FILE.fullmatch(posixpath.basename(path))
    return match[1] if match else None


def copies_of(path: str) -> str:
    """Return what the names of copies of a file have in common: the id of a market or event that they begin with."""
    name = posixpath.basename(path)
    match = _ID.match(name)
    return match[0] if match else name
