"""The rate of commission that a run takes; without pandas, because every command's parameters have one."""

from decimal import Decimal
from typing import NamedTuple

_HUNDRED = 100


class Commission(NamedTuple):
    """The rate of commission.

    Attributes:
        rate: As a fraction (0.07), for every market; None takes each market's own base rate, less the discount.
        discount_rate: The account's discount in per cent, on base rates of markets that allow one; never on `rate`.
    """

    rate: float | None = None
    discount_rate: float = 0

    def of(self, base_rate: float, *, discount_allowed: bool) -> Decimal:
        """Return a market's rate, as a fraction.

        Args:
            base_rate: The market's, per cent.
            discount_allowed: Whether it allows discounts.
        """
        if self.rate is not None:
            return Decimal(str(self.rate))
        discount = Decimal(str(self.discount_rate)) if discount_allowed else Decimal()
        return Decimal(str(base_rate)) / _HUNDRED * (1 - discount / _HUNDRED)
