"""What flumine refused of what a strategy asked, as results and reports speak of it."""

from typing import NamedTuple

from flumine.controls.tradingcontrols import OrderValidation

PLACE, CANCEL, UPDATE, REPLACE = "place", "cancel", "update", "replace"
"""What was asked; only who was refused to place has no order."""

# As `OrderValidation` of flumine begins.
_LEAST_STAKES = ("order size is less than min", "liability is less than min", "bet size is less than min")


class Refusal(NamedTuple):
    """What was refused of one kind, in one market.

    Attributes:
        market_id: The market whose transaction it was.
        action: `place`, `cancel`, `update` or `replace`.
        control: The control's `NAME`; empty where one raised by itself.
        reason: What flumine said, its numbers taken out.
        times: How often.
        selection_id: The runner of the first.
        side: BACK or LAY.
        price: Decimal odds; None at starting price.
        size: What was asked for; the liability of an order at starting price.
        text: What flumine said of the first, numbers and all.
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
        """What it is counted with."""
        return self.action, self.control, self.reason


def is_of_least_stake(refusal: Refusal) -> bool:
    """Return whether it was refused for being less than the exchange takes.

    Args:
        refusal: What was refused.
    """
    return refusal.control == OrderValidation.NAME and refusal.reason.lower().startswith(_LEAST_STAKES)
