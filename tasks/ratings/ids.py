"""Parse the three values of a rating row; `columns` handles rows with invalid ones."""

import math
import re

# [0-9], because \d also matches the digits of other scripts.
_MARKET_ID = re.compile(r"(?:1\.([0-9]{1,9})|([0-9]{9}))")
# 18 digits always fit the lake's int64.
_SELECTION_ID = re.compile(r"([0-9]{1,18})(?:\.0*)?")
_MARKET_ID_DIGITS = 9


def restore_market_id(text: str) -> str:
    """Restore a market id to the exchange's form: `1.` and 9 digits.

    An id that passed through a float has lost its trailing zeros (`1.19539574` was `1.195395740`), and some sources
    omit the exchange's `1.`.

    Args:
        text: The id as written; surrounding blanks are ignored.

    Raises:
        ValueError: The text has none of these forms; the message says what was expected.
    """
    found = _MARKET_ID.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a market id: expected '1.' and 9 digits, such as '1.195395740'")
    shortened, bare = found.groups()
    # No zeros are added to a bare number: as a float, an integer keeps its own.
    return f"1.{bare or shortened.ljust(_MARKET_ID_DIGITS, '0')}"


def parse_selection_id(text: str) -> int:
    """Parse a selection id, also one that passed through a float (`42248828.0`).

    Args:
        text: The id as written; surrounding blanks are ignored.

    Returns:
        The selection id, positive, within int64.

    Raises:
        ValueError: The text is not a positive whole number; the message says what was expected.
    """
    found = _SELECTION_ID.fullmatch(text.strip())
    selection_id = int(found[1]) if found else 0
    if selection_id == 0:
        raise ValueError(f"{text!r} is not a selection id: expected a positive whole number, such as '42248828'")
    return selection_id


def parse_rating(text: str) -> float:
    """Parse a rating: the model's fair price of a runner, in decimal odds.

    Args:
        text: The rating as written; surrounding blanks are ignored.

    Returns:
        Decimal odds, finite and above 1.

    Raises:
        ValueError: The text is not a number ("N/A", empty), or not a price (0, negative, 1, infinite, nan); the message
            says what was expected.
    """
    try:
        # float() accepts Python's 1_000 as a thousand; in a file it is a typo.
        rating = math.nan if "_" in text else float(text)
    except ValueError:
        rating = math.nan
    if not 1.0 < rating < math.inf:  # false for nan too
        raise ValueError(f"{text!r} is not a rating: expected decimal odds above 1, such as '7.5'")
    return rating
