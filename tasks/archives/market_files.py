"""Which files are markets': told by their names alone."""

import posixpath
import re

MARKET_ID = re.compile(r"1\.\d{9}")
_MARKET_FILE = re.compile(r"(1\.\d{9})(\.(bz2|gz|json|txt))?")


def market_of(path: str) -> str | None:
    """Read a market id off a file's name.

    Args:
        path: Within an archive, or an address.

    Returns:
        The id, or None where the name is not a market's (an event file's, say).
    """
    match = _MARKET_FILE.fullmatch(posixpath.basename(path))
    return match[1] if match else None
