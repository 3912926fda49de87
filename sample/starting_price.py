"""One runner's starting price bets: the money on both sides, what it projects, and how it is matched at the off."""

from random import Random

from sample.ladder import Change
from sample.ticks import PRICES

_LIMIT = {"spb": PRICES[-1], "spl": PRICES[0]}  # where the stream shows bets that take any price
_SIDES = ("spb", "spl")


class StartingPrice:
    """A runner's starting price bets."""

    def __init__(self, selection_id: int) -> None:
        """Starts with no bets.

        Args:
            selection_id: The runner.
        """
        self._selection_id = selection_id
        self._money = dict.fromkeys(_SIDES, 0.0)
        self._price = dict(_LIMIT)

    def bet(self, price: float, stake: float, rng: Random) -> list[Change]:
        """Takes a bet on either side.

        Args:
            price: What the market makes of the runner, decimal odds.
            stake: Usual size of a bet, GBP.
            rng: Decides side and size.

        Returns:
            The stream's runner changes: the side's total and the projections.
        """
        side = rng.choice(_SIDES)
        self._money[side] = round(self._money[side] + stake * (0.1 + rng.random()), 2)
        total = {side: [[self._price[side], self._money[side]]], "id": self._selection_id}
        return [total, self.projection(price)]

    def projection(self, price: float | None) -> Change:
        """The projected starting prices: near (with the market's offers) and far (of these bets alone).

        Args:
            price: What the market makes of the runner, decimal odds; None while nothing is offered.

        Returns:
            The stream's runner change. Near is no number without offers; far is no number, or no finite one,
            until there is money on both sides.
        """
        backed, laid = self._money["spb"], self._money["spl"]
        far: float | str
        if backed and laid:
            far = round(1 + laid / backed, 2)
        elif backed:
            far = "Infinity"
        else:
            far = 1.0 if laid else "NaN"
        return {"spn": "NaN" if price is None else round(price, 2), "spf": far, "id": self._selection_id}

    def image(self) -> list[Change]:
        """All bets there are, as the stream's runner changes."""
        return [
            {side: [[self._price[side], money]], "id": self._selection_id}
            for side, money in self._money.items()
            if money
        ]

    def reconcile(self, price: float) -> list[Change]:
        """Matches all bets at the starting price.

        Args:
            price: The starting price, decimal odds, not rounded.

        Returns:
            The stream's runner changes: the money goes from the limits to the starting price.
        """
        self._price = dict.fromkeys(_SIDES, price)
        return [
            {side: [[price, money], [_LIMIT[side], 0]], "id": self._selection_id}
            for side, money in self._money.items()
            if money
        ]

    def settle(self) -> list[Change]:
        """Takes all bets away, as the stream's runner changes."""
        gone: list[Change] = [
            {side: [[self._price[side], 0]], "id": self._selection_id} for side, money in self._money.items() if money
        ]
        self._money = dict.fromkeys(_SIDES, 0.0)
        return gone
