"""Count what flumine refuses of a strategy's requests: orders that its controls reject are in no blotter.

A transaction's methods return False on refusal. That is where it is counted, whether the control is flumine's own or
one that the strategy added; no control is run twice, so orders are not affected.
"""

import re
from math import isfinite
from typing import Any

from flumine.execution.transaction import Transaction
from flumine.markets.market import Market

from tasks.orders.refusal import CANCEL, PLACE, REPLACE, UPDATE, Refusal

OWN_REASON = "strategy.validate_order refused it"
"""For a strategy that rejects its own order without a reason."""

NO_REASON = "the control did not say why"
OTHER_REASONS = "other reasons"

# The format of flumine's `BaseControl._on_error`.
_VIOLATED, _ERROR = "Order has violated: ", " Error: "

# A number on its own; `2dp` is a word.
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d.,]*(?:e[-+]?\d+)?|inf|nan)(?!\w)")
_ANY_NUMBER = "…"


# For one market: a control with more kinds puts numbers or names of its own into its messages.
_MOST_KINDS = 20
_CHARACTERS_OF_A_REASON = 200
_CHARACTERS_OF_A_TEXT = 500


class Refusals:
    """Refusals of one variant in a session: one entry with a count for each kind and market."""

    def __init__(self) -> None:
        self._first: dict[str, dict[tuple[str, str, str], Refusal]] = {}
        self._counts: dict[tuple[str, str, str, str], int] = {}

    def note(self, market_id: str, action: str, order: Any) -> None:  # noqa: ANN401 - whatever a strategy made
        """Count a refusal.

        Args:
            action: `place`, `cancel`, `update` or `replace`.
            order: With flumine's `violation_msg`.
        """
        control, text = _said(order)
        kinds = self._first.setdefault(market_id, {})
        kind = action, control, kind_of(text)
        if kind not in kinds:
            if len(kinds) >= _MOST_KINDS:
                kind = action, control if len(kinds) < 2 * _MOST_KINDS else "", OTHER_REASONS
            if kind not in kinds:
                kinds[kind] = _described(Refusal(market_id, *kind, 0, text=text), order)
        counted = (market_id, *kind)
        self._counts[counted] = self._counts.get(counted, 0) + 1

    def of(self, market_id: str) -> list[Refusal]:
        """Return a market's refusals, one for each kind, in the order of the first of each."""
        kinds = self._first.get(market_id, {})
        return [first._replace(times=self._counts[market_id, *kind]) for kind, first in kinds.items()]


class NotedMarket(Market):  # type: ignore[misc]  # flumine ships no types
    """Flumine's market, in a framework that has `refusals`."""

    def transaction(self, *args: Any, **named: Any) -> Transaction:  # noqa: ANN401 - flumine's signature
        """Begin a transaction that counts what it refuses."""
        transaction = super().transaction(*args, **named)
        if type(transaction) is Transaction:
            transaction.__class__ = _NotedTransaction
        return transaction


class _NotedTransaction(Transaction):  # type: ignore[misc]
    def place_order(self, order: Any, *args: Any, **named: Any) -> bool:  # noqa: ANN401
        return self._noted(super().place_order(order, *args, **named), PLACE, order)

    def cancel_order(self, order: Any, *args: Any, **named: Any) -> bool:  # noqa: ANN401
        return self._noted(super().cancel_order(order, *args, **named), CANCEL, order)

    def update_order(self, order: Any, *args: Any, **named: Any) -> bool:  # noqa: ANN401
        return self._noted(super().update_order(order, *args, **named), UPDATE, order)

    def replace_order(self, order: Any, *args: Any, **named: Any) -> bool:  # noqa: ANN401
        return self._noted(super().replace_order(order, *args, **named), REPLACE, order)

    def _noted(self, is_done: bool, action: str, order: Any) -> bool:  # noqa: ANN401
        if is_done is False:
            self.market.flumine.refusals.note(self.market.market_id, action, order)
        return is_done


def kind_of(text: str) -> str:
    """Return a message without its numbers, truncated: the same for all refusals of a kind."""
    return _NUMBER.sub(_ANY_NUMBER, text[: 2 * _CHARACTERS_OF_A_REASON])[:_CHARACTERS_OF_A_REASON]


def _said(order: Any) -> tuple[str, str]:  # noqa: ANN401
    """Return which control refused an order, and why."""
    said = getattr(order, "violation_msg", None)
    if not isinstance(said, str):
        return "", NO_REASON
    # An order that is submitted again accumulates the messages of all refusals.
    before, violated, rest = said.partition(_VIOLATED)
    control, _, text = rest.partition(_ERROR)
    if before or not violated:
        return "", _plain(said, _CHARACTERS_OF_A_TEXT) or NO_REASON
    if text == "None" or text.startswith(_VIOLATED):
        text = OWN_REASON
    return _plain(control, _CHARACTERS_OF_A_REASON), _plain(text, _CHARACTERS_OF_A_TEXT) or NO_REASON


def _described(refusal: Refusal, order: Any) -> Refusal:  # noqa: ANN401
    try:
        asked = order.order_type
        size = getattr(asked, "size", None) or getattr(asked, "bet_target_size", None)
        return refusal._replace(
            selection_id=int(order.selection_id),
            side=_plain(str(order.side), _CHARACTERS_OF_A_REASON),
            price=_number(getattr(asked, "price", None)),
            size=_number(size or getattr(asked, "liability", None)),
        )
    except Exception:  # noqa: BLE001 - what a strategy puts into an order may raise anything
        return refusal


def _plain(text: str, characters: int) -> str:
    return text[:characters].encode("utf-8", "backslashreplace").decode()


def _number(value: Any) -> float | None:  # noqa: ANN401
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
