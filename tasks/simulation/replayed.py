"""What a replay gave a variant."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tasks.orders.refusal import Refusal
from tasks.rejects import Reject
from tasks.simulation.order_rows import Row
from tasks.variants.dependencies.record import Dependencies


class Replayed(NamedTuple):
    """What a replay gave one variant.

    Attributes:
        rows: Its orders.
        markets: The markets it was replayed on.
        rejects: Those it cannot be replayed on.
        depends: What it used.
        carries: Attributes of its strategy's own that it would carry into the next market, if it met it.
        refused: What flumine refused, by market and kind.
    """

    rows: Sequence[Row]
    markets: Sequence[str]
    rejects: Sequence[Reject]
    depends: Dependencies
    carries: Sequence[str] = ()
    refused: Sequence[Refusal] = ()


def joined(parts: Iterable[Replayed]) -> Replayed:
    """Put together what one variant was given by parts of a job.

    Args:
        parts: Of sessions that no other part has, in the order of the job.

    Returns:
        The whole.
    """
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
