"""A reject: a file, row or market that was left out, and why. Rejects are values; stages write them to the lake."""

from typing import NamedTuple


class Reject(NamedTuple):
    """Something that was left out.

    Attributes:
        what: The thing, as its user would look it up: a member's path, a market id, `row 17`.
        reason: Why, in a few words that are the same for all alike, so that rejects can be counted by reason.
        detail: What was seen: the error's text, the value, the other file.
    """

    what: str
    reason: str
    detail: str = ""
