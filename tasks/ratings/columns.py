"""A source's names for the columns of a CSV file of ratings."""

from typing import NamedTuple


class Columns(NamedTuple):
    """A source's names for the columns that are read.

    Attributes:
        market_id: Column of market ids.
        selection_id: Column of selection ids.
        rating: Column of ratings.
        name: Column of runners' names; None if the source has none.
    """

    market_id: str
    selection_id: str
    rating: str
    name: str | None

    def fault(self, header: list[str]) -> str:
        """Return in one line why a table with this header cannot be read; empty if it can."""
        wanted = [column for column in self if column is not None]
        missing = [column for column in wanted if column not in header]
        if missing:
            return f"columns missing: {_listed(missing)}; columns seen: {_listed(header)}"
        twice = [column for column in wanted if header.count(column) > 1]
        return f"columns that occur more than once: {_listed(twice)}" if twice else ""


def _listed(names: list[str]) -> str:
    """Quote and join names, truncated, because a wrong file can have a header of any length."""
    most = 600  # enough for all columns of a ratings service
    line = ", ".join(map(repr, names)) or "none"
    return line if len(line) <= most else f"{line[:most]}…"
