"""Flumine's refusals of a strategy's requests, for results and reports."""

from typing import NamedTuple

from flumine.controls.tradingcontrols import OrderValidation

PLACE, CANCEL, UPDATE, REPLACE = "place", "cancel", "update", "replace"
"""The requests; only a refusal to place leaves no order."""

# How messages of flumine's `OrderValidation` begin.
_LEAST_STAKES = ("order size is less than min", "liability is less than min", "bet size is less than min")


class Refusal(NamedTuple):
    """Refusals of one kind in one market.

    Attributes:
        market_id: The market of the transaction.
        action: `place`, `cancel`, `update` or `replace`.
        control: The control's `NAME`; empty if the control raised its own exception.
        reason: Flumine's message without its numbers.
        times: How often.
        selection_id: The runner of the first refusal; so are the fields below.
        side: BACK or LAY.
        price: Decimal odds; None at starting price.
        size: Requested size; the liability of an order at starting price.
        text: Flumine's message, with its numbers.
    """

    market_id: str
    action: str
    control: str
    reason: str
    times: int
    selection_id: int | None = None
    side: str = ""
    price: float | None = None
    size: float | None = None
    text: str = ""

    @property
    def kind(self) -> tuple[str, str, str]:
        """What refusals are grouped by."""
        return self.action, self.control, self.reason


def is_of_least_stake(refusal: Refusal) -> bool:
    """Return whether the size was below the exchange's minimum."""
    return refusal.control == OrderValidation.NAME and refusal.reason.lower().startswith(_LEAST_STAKES)
