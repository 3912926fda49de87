"""A runner's prices in a hostile market: what the exchange has of it, and what it says when that changes.

Sizes are small beside what is traded, so that passive orders are matched, and in parts.
"""

from random import Random
from typing import Any

from flumine.utils import PRICES_FLOAT

Fields = dict[str, Any]

_DEPTH = 3
_ZEROS = (0, 0, 0.0)
_UNSETTLED = ("NaN", "Infinity")


class Prices:
    """A runner's ladders and all else that is streamed of it.

    Attributes:
        bsp: Its starting price; no price of the exchange's ladder, as a rule.
    """

    def __init__(self, dice: Random, views: tuple[str, ...]) -> None:
        """Invent a runner's prices.

        Args:
            dice: Decides.
            views: How available prices are streamed: some of `full` (`atb`, `atl`), `best` (`batb`, `batl`) and
                `display` (`bdatb`, `bdatl`).
        """
        self._dice, self._views = dice, views
        self._at = dice.randrange(60, 230)
        self.bsp = round(PRICES_FLOAT[self._at] * dice.uniform(0.9, 1.1), 2)
        self._back: dict[float, float] = {}
        self._lay: dict[float, float] = {}
        self._traded: dict[float, float] = {}
        self._total = 0.0
        self._last: float | None = None
        self.move()
        for _ in range(dice.randrange(4)):
            self.trade()

    def image(self) -> Fields:
        """Say everything."""
        fields: Fields = {}
        for view in self._views:
            fields |= self._say(view, {}, self._back, "b") | self._say(view, {}, self._lay, "l")
        if self._traded:
            fields["trd"] = [[price, size] for price, size in self._traded.items()]
        if self._last is not None:
            fields |= {"ltp": self._last, "tv": round(self._total, 2)}
        return fields

    def move(self) -> Fields:
        """Move the available prices by a few ticks at most, and say what changed of them."""
        dice = self._dice
        self._at = min(max(self._at + dice.choice((-2, -1, 0, 0, 0, 0, 1, 2)), _DEPTH), len(PRICES_FLOAT) - _DEPTH - 1)
        back = [PRICES_FLOAT[self._at - 1 - level] for level in range(_DEPTH) if dice.random() < 0.9]
        lay = [PRICES_FLOAT[self._at + level] for level in range(_DEPTH) if dice.random() < 0.9]
        return self._offer(
            {price: self._size(self._back.get(price)) for price in back},
            {price: self._size(self._lay.get(price)) for price in lay},
        )

    def trade(self) -> Fields:
        """Trade at the best price of a side, and through it now and then."""
        dice = self._dice
        is_back = dice.random() < 0.5
        ladder = dict(sorted((self._back if is_back else self._lay).items(), reverse=is_back))
        sweep = list(ladder)[: dice.choice((1, 1, 1, 2, 3))] or [PRICES_FLOAT[self._at]]
        for price in sweep:
            amount = round(dice.uniform(2, 90), 2)
            self._traded[price] = round(self._traded.get(price, 0) + amount, 2)
            self._total += amount
            left = round(ladder.pop(price, 0) - amount / 2, 2)
            if left > 0:
                ladder[price] = left
        self._last = sweep[-1]
        fields: Fields = {"trd": [[price, self._traded[price]] for price in sweep], "ltp": self._last}
        if dice.random() < 0.5:
            fields["tv"] = round(self._total, 2)
        if dice.random() < 0.3:
            return fields  # the prices that were taken still stand there
        return fields | (self._offer(ladder, self._lay) if is_back else self._offer(self._back, ladder))

    def correct(self) -> Fields:
        """Take back some of what was traded: a smaller size at a price, or none."""
        if not self._traded:
            return {"trd": []}
        price = self._dice.choice(list(self._traded))
        size = self._dice.choice((0, round(self._traded[price] / 2, 2)))
        if size:
            self._traded[price] = size
        else:
            del self._traded[price]
        return {"trd": [[price, size]]}

    def forget_traded(self) -> Fields:
        """Take back all that was traded, in one of the stream's two ways."""
        traded = list(self._traded)
        self._traded = {}
        if self._dice.random() < 0.5:
            return {"trd": []}
        return {"trd": [[price, self._dice.choice(_ZEROS)] for price in traded], "tv": 0}

    def withdraw(self) -> Fields:
        """Take all available prices away."""
        return self._offer({}, {}) | {"tv": 0}

    def repeat(self) -> Fields:
        """Say what does not change anything: what is there, what was not there and goes, one price twice."""
        price = PRICES_FLOAT[self._at]
        traded = [[price, size] for price, size in list(self._traded.items())[:1]]
        fields: Fields = {"trd": traded} if traded else {"ltp": self._last or price}
        if "full" in self._views:
            gone = [[1.01, 0], [1000, 0.0]]
            twice = [[price, 5.5], [price, self._lay.get(price, 0)]]
            fields |= {"atb": gone, "atl": twice}
        return fields

    def starting_price(self) -> Fields:
        """Say how the starting price may turn out."""
        dice = self._dice
        say: Fields = {
            "spn": dice.choice((*_UNSETTLED, self.bsp, round(self.bsp * 1.1, 2))),
            "spf": dice.choice((*_UNSETTLED, self.bsp)),
            "spb": [[PRICES_FLOAT[self._at], self._size(None)], [1000, dice.choice((0, 12.5))]],
            "spl": [[1.01, self._size(None)], [PRICES_FLOAT[self._at], dice.choice((0, 3))]],
        }
        return {field: say[field] for field in dice.sample(sorted(say), dice.randrange(1, 5))}

    def _size(self, before: float | None) -> float:
        if before is not None and self._dice.random() < 0.6:
            return before
        if self._dice.random() < 0.2:
            return self._dice.randrange(2, 40)
        return round(self._dice.uniform(2, 40), 2)

    def _offer(self, back: dict[float, float], lay: dict[float, float]) -> Fields:
        fields: Fields = {}
        for view in self._views:
            fields |= self._say(view, self._back, back, "b") | self._say(view, self._lay, lay, "l")
        self._back, self._lay = back, lay
        return fields

    def _say(self, view: str, before: dict[float, float], now: dict[float, float], side: str) -> Fields:
        if view == "full":
            name, changes = f"at{side}", _by_price(before, now, self._dice.choice(_ZEROS))
        else:
            name = f"{'bat' if view == 'best' else 'bdat'}{side}"
            changes = _by_position(_best(before, side), _best(now, side))
        return {name: changes} if changes else {}


def _by_price(before: dict[float, float], now: dict[float, float], zero: float) -> list[list[float]]:
    gone = [[price, zero] for price in before if price not in now]
    return gone + [[price, size] for price, size in now.items() if before.get(price) != size]


def _best(ladder: dict[float, float], side: str) -> list[tuple[float, float]]:
    return sorted(ladder.items(), reverse=side == "b")


def _by_position(before: list[tuple[float, float]], now: list[tuple[float, float]]) -> list[list[float]]:
    changes: list[list[float]] = []
    for position in range(max(len(before), len(now))):
        level = now[position] if position < len(now) else (0, 0)
        if position >= len(before) or before[position] != level:
            changes.append([position, *level])
    return changes
