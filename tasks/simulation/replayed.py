"""The results of a replay for a variant."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.simulation.order_rows import Row
from tasks.variants.dependencies.record import Dependencies


class Replayed(NamedTuple):
    """The results of a replay for one variant.

    Attributes:
        rows: Its orders.
        markets: The markets it was replayed on.
        rejects: Those it cannot be replayed on.
        depends: The files and modules it used.
        carries: Attributes of its strategy that one instance would carry into the next market.
        refused: What flumine refused, by market and kind.
    """

    rows: Sequence[Row]
    markets: Sequence[str]
    rejects: Sequence[Reject]
    depends: Dependencies
    carries: Sequence[str] = ()
    refused: Sequence[Refusal] = ()


def joined(parts: Iterable[Replayed]) -> Replayed:
    """Concatenate a variant's results from the parts of a job, each with sessions of its own, in the job's order."""
    whole = Replayed([], [], [], Dependencies())
    for part in parts:
        whole = Replayed(
            [*whole.rows, *part.rows],
            [*whole.markets, *part.markets],
            [*whole.rejects, *part.rejects],
            whole.depends.merged(part.depends),
            whole.carries or part.carries,
            [*whole.refused, *part.refused],
        )
    return whole
