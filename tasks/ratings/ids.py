"""The three values of a rating row, from the text a source wrote to what the lake holds: one rule each.

Pure functions of one text, no tables: what is done with a row that breaks a rule is `columns`' business.
"""

import math
import re

# [0-9] and not \d, which also takes the digits of every other script.
_MARKET_ID = re.compile(r"(?:1\.([0-9]{1,9})|([0-9]{9}))")
# 18 digits are the most that always fit the lake's int64.
_SELECTION_ID = re.compile(r"([0-9]{1,18})(?:\.0*)?")
_MARKET_ID_DIGITS = 9


def restore_market_id(text: str) -> str:
    """Restore a market id's whole form: `1.` and 9 digits.

    An id that somebody's program held as a float has lost its trailing zeros (`1.19539574` was `1.195395740`),
    and some sources leave out the exchange's `1.`.

    Args:
        text: The id as written; blanks around it do not matter.

    Returns:
        The market id as the exchange writes it.

    Raises:
        ValueError: The text is neither form; it says what was expected.
    """
    found = _MARKET_ID.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a market id: expected '1.' and 9 digits, such as '1.195395740'")
    shortened, bare = found.groups()
    # A bare number is never filled up: what a float drops from it is not its zeros.
    return f"1.{bare or shortened.ljust(_MARKET_ID_DIGITS, '0')}"


def parse_selection_id(text: str) -> int:
    """Read a selection id, also one that passed through a float (`42248828.0`).

    Args:
        text: The id as written; blanks around it do not matter.

    Returns:
        The selection id, positive, within int64.

    Raises:
        ValueError: The text is not a positive whole number; it says what was expected.
    """
    found = _SELECTION_ID.fullmatch(text.strip())
    selection_id = int(found[1]) if found else 0
    if selection_id == 0:
        raise ValueError(f"{text!r} is not a selection id: expected a positive whole number, such as '42248828'")
    return selection_id


def parse_rating(text: str) -> float:
    """Read a rating: the model's fair price of a runner, in decimal odds.

    Args:
        text: The rating as written; blanks around it do not matter.

    Returns:
        Decimal odds, finite and above 1.

    Raises:
        ValueError: The text is no number ("N/A", empty), or no price (0, negative, 1, infinite, nan); it says what
            was expected.
    """
    try:
        # float() takes Python's own 1_000 for a thousand; in a file it is a slip.
        rating = math.nan if "_" in text else float(text)
    except ValueError:
        rating = math.nan
    if not 1.0 < rating < math.inf:  # false for nan too
        raise ValueError(f"{text!r} is not a rating: expected decimal odds above 1, such as '7.5'")
    return rating
