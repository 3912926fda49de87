"""The judge asked about a variant and a market, for a process of its own: it imports little."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from plain_flumine import Raised, orders_of

from tasks.simulation.kept_state import seed
from tasks.variants.strategy_class import strategy_maker
from tasks.variants.variant import Variant
from tasks.windows.window import Window


class Question(NamedTuple):
    """What the judge is asked.

    Attributes:
        variant: The variant.
        market_id: The market.
        lines: Its messages.
    """

    variant: Variant
    market_id: str
    lines: Sequence[bytes]


def answer(question: Question) -> list[dict[str, Any]] | Raised:
    """Give plain flumine's orders, with the random numbers that are the variant's in this market."""
    variant = question.variant
    make = strategy_maker(variant.name, variant.parameters)
    seed(f"{variant.fingerprint} {question.market_id}")
    window = Window.parse(variant.window)
    return orders_of(question.lines, partial(make, {}), window.listener_kwargs, settings=variant.settings)
