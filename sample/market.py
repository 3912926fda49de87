"""A market as it goes along: each method is something that happens to it, and yields the messages that say so.

Bets arrive on either side alike, whatever the market will believe next. A resting order therefore earns the spread
here, which it does not on the exchange: no judgement of market making can rest on these markets.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import orjson

from sample.belief import Belief
from sample.definition import Definition
from sample.ladder import BACK, LAY, Change, Ladder
from sample.races import Race
from sample.starting_price import StartingPrice
from sample.ticks import LAST, PRICES, at_or_above, at_or_below

_FULL_STAKE = 250  # GBP offered at a price for a certain winner, at the off; less for others and before
_FIRST_STAKE = 0.15  # of that, hours before
_RUSH = 600  # seconds before the off over which money and trading come in
_TRADES = 0.3  # of the looks at a runner near the off
_LOOKS = (1, 1, 2, 3)  # runners looked at in an update
_FIRST_LOOKS = 4  # at every runner, when betting opens
_SPREAD = 0.012  # from fair to either side at the off, in log prices
_FIRST_SPREAD = 0.1  # more than that, `_WIDE` before and earlier
_WIDE = 3600  # seconds
_STARTING_PRICE_BETS = 0.04  # of the looks
_BSP_ERROR = 0.01  # standard deviation of the log starting price around the market's last belief


class Market:
    """A race's WIN market, from its announcement to its settlement.

    Every method takes the time, seconds before the off; times only go forward.
    """

    def __init__(self, race: Race, opening: float, rng: Random) -> None:
        """Prepares a market that nobody has heard of.

        Args:
            opening: When it will be announced, seconds before the off.
            rng: Decides what is not decided by the race.
        """
        self._race = race
        self._rng = rng
        self._belief = Belief(race.runners, opening, rng)
        self._ladders = {runner.selection_id: Ladder(runner.selection_id) for runner in race.runners}
        self._bets = {runner.selection_id: StartingPrice(runner.selection_id) for runner in race.runners}
        self._active = list(self._ladders)
        self._bsp: dict[int, float] = {}
        self._clk = rng.randrange(5_000_000_000, 6_000_000_000)
        self._definition = Definition(race, rng.randrange(4_000_000_000, 5_000_000_000), race.market_time)

    def announce(self, seconds: float) -> Iterator[bytes]:
        """The market appears, without offers."""
        yield self._message(seconds, define=True)

    def open(self, seconds: float) -> Iterator[bytes]:
        """The first offers come in, on every runner."""
        for _ in range(_FIRST_LOOKS):
            for selection_id in self._active:
                self._quote(selection_id, seconds)
        yield self._message(seconds, [*self._changes(), *self._projections(seconds)])

    def repeat(self, seconds: float) -> Iterator[bytes]:
        """The stream says all there is again, as an image."""
        ladders = [change for ladder in self._ladders.values() for change in ladder.image()]
        bets = [change for bet in self._bets.values() for change in bet.image()]
        changes = [*ladders, *bets, *self._projections(seconds)]
        yield self._message(seconds, changes, define=True, image=True)

    def cross_match(self, seconds: float) -> Iterator[bytes]:
        """The exchange starts to match bets across runners."""
        self._definition = replace(self._definition, cross_matching=True)
        yield self._message(seconds, define=True)

    def update(self, seconds: float) -> Iterator[bytes]:
        """A few runners are looked at: bet on perhaps, then quoted anew. Nothing while the market is suspended."""
        if self._definition.status != "OPEN":
            return
        rng = self._rng
        starting_price_bets: list[Change] = []
        for selection_id in rng.sample(self._active, rng.choice(_LOOKS)):
            chance = self._belief.chance(selection_id, seconds)
            stake = _stake(chance, seconds)
            if rng.random() < _TRADES * _rush(seconds):
                side = rng.choice((BACK, LAY))
                self._ladders[selection_id].match(side, rng.expovariate(1 / stake))
            if rng.random() < _STARTING_PRICE_BETS:
                starting_price_bets += self._bets[selection_id].bet(1 / chance, stake, rng)
            self._quote(selection_id, seconds)
        yield self._message(seconds, [*self._changes(), *starting_price_bets])

    def postpone(self, seconds: float) -> Iterator[bytes]:
        """The exchange moves the market time."""
        later = self._race.market_time + timedelta(seconds=self._race.postponed_seconds)
        yield self._amend(seconds, replace(self._definition, market_time=later))

    def suspend(self, seconds: float) -> Iterator[bytes]:
        """Betting stops, because a runner will be taken out."""
        yield self._amend(seconds, replace(self._definition, status="SUSPENDED"))

    def remove(self, seconds: float) -> Iterator[bytes]:
        """The withdrawn runner is taken out; what was offered on any runner lapses."""
        if self._race.withdrawal is None:
            return
        selection_id = self._race.withdrawal.selection_id
        self._belief.remove(selection_id)
        self._active.remove(selection_id)
        yield self._amend(seconds, replace(self._definition, removed_at=self._moment(seconds)))
        bets = self._bets[selection_id]
        yield self._message(seconds, [*self._clear(), *bets.settle(), bets.projection(None)])

    def reopen(self, seconds: float) -> Iterator[bytes]:
        """Betting goes on, with new offers."""
        yield self._amend(seconds, replace(self._definition, status="OPEN"))
        yield from self.open(seconds)

    def take_off(self, seconds: float) -> Iterator[bytes]:
        """The race is off: betting stops, and the starting prices are known."""
        for selection_id in self._active:
            fair = 1 / self._belief.chance(selection_id, seconds)
            price = fair * math.exp(self._rng.gauss(0, _BSP_ERROR))
            self._bsp[selection_id] = min(max(price, PRICES[0]), PRICES[-1])
        rounded = {selection_id: round(price, 2) for selection_id, price in self._bsp.items()}
        yield self._amend(seconds, replace(self._definition, status="SUSPENDED", starting_prices=rounded))

    def reconcile(self, seconds: float) -> Iterator[bytes]:
        """The starting price bets are matched."""
        yield self._amend(seconds, replace(self._definition, bsp_reconciled=True))
        yield self._message(
            seconds,
            [
                change
                for selection_id, price in self._bsp.items()
                for change in self._bets[selection_id].reconcile(price)
            ],
        )

    def clear(self, seconds: float) -> Iterator[bytes]:
        """What was not matched lapses."""
        yield self._message(seconds, self._clear())

    def settle(self, seconds: float) -> Iterator[bytes]:
        """The stream takes all that was traded away."""
        for ladder in self._ladders.values():
            ladder.settle()
        bets = [change for selection_id in self._bsp for change in self._bets[selection_id].settle()]
        yield self._message(seconds, [*self._changes(), *bets])

    def close(self, seconds: float) -> Iterator[bytes]:
        """The market closes with its result."""
        settled_at = self._moment(seconds).replace(microsecond=0)
        yield self._amend(
            seconds,
            replace(self._definition, status="CLOSED", cross_matching=False, settled_at=settled_at),
        )

    def _quote(self, selection_id: int, seconds: float) -> None:
        chance = self._belief.chance(selection_id, seconds)
        spread = math.exp(_SPREAD + _FIRST_SPREAD * math.sqrt(min(1.0, seconds / _WIDE)))
        back = min(at_or_below(1 / chance / spread), LAST - 1)
        lay = max(at_or_above(1 / chance * spread), back + 1)
        stake = _stake(chance, seconds)
        self._ladders[selection_id].quote(BACK, back, stake, self._rng)
        self._ladders[selection_id].quote(LAY, lay, stake, self._rng)

    def _projections(self, seconds: float) -> list[Change]:
        return [
            self._bets[selection_id].projection(1 / self._belief.chance(selection_id, seconds))
            for selection_id in self._active
        ]

    def _clear(self) -> list[Change]:
        for ladder in self._ladders.values():
            ladder.clear()
        return self._changes()

    def _changes(self) -> list[Change]:
        return [change for ladder in self._ladders.values() for change in ladder.changes()]

    def _amend(self, seconds: float, definition: Definition) -> bytes:
        self._definition = replace(definition, version=definition.version + self._rng.randint(1, 5000))
        return self._message(seconds, define=True)

    def _moment(self, seconds: float) -> datetime:
        return self._race.off_time - timedelta(seconds=seconds)

    def _message(
        self, seconds: float, changes: Iterable[Change] = (), *, define: bool = False, image: bool = False
    ) -> bytes:
        self._clk += self._rng.randint(1, 900)
        definition = {"marketDefinition": self._definition.as_json()} if define else {}
        market_change = {
            "id": self._race.market_id,
            **definition,
            "rc": list(changes),
            "con": True,
            "img": image,
        }
        publish_time = round(self._moment(seconds).timestamp() * 1000)
        message = {"op": "mcm", "clk": str(self._clk), "pt": publish_time, "mc": [market_change]}
        return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def _rush(seconds: float) -> float:
    """How much of the money and the trading is there, from 0 long before the off to 1 at it."""
    return math.exp(-max(seconds, 0.0) / _RUSH)


def _stake(chance: float, seconds: float) -> float:
    """The usual size of an offer on a runner, GBP."""
    return _FULL_STAKE * chance * (_FIRST_STAKE + (1 - _FIRST_STAKE) * _rush(seconds))
