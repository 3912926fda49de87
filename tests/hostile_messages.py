"""A hostile market as the exchange has it, and the messages in which the exchange says so.

What happens to it is `hostile_markets.py`'s business. The fields that betfairlightweight requires are always said.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from hostile_prices import Fields, Prices

Message = dict[str, Any]

OFF = int(datetime(2026, 1, 2, 3, 0, tzinfo=UTC).timestamp() * 1000)
FACTORS = (0.4, 1.9, 2.4, 2.6, 5.5, 12.5, 33.3)

_UNKNOWN = {"unheardOf": [1]}
_VIEWS = (("full",), ("full",), ("full", "best"), ("best",), ("display",), ("best", "display"))
_NAUGHTS = (None, None, 0, 0.0)  # a handicap of 0 is written in three ways, of one runner too
_LINES = ((101, -1.5), (102, 1.5), (101, 1.5), (102, -1.5), (101, 0.0), (102, 0.0), (103, 0.0), (104, 0.0))


class Kind(NamedTuple):
    """A kind of market.

    Attributes:
        market_type: As the exchange calls it.
        places: The `numberOfWinners`.
        runners: How many there are at first; two more may come.
        winners: How many win; the other places are `PLACED`.
        is_of_lines: Whether a selection has several lines, told apart by their handicaps.
    """

    market_type: str
    places: int
    runners: int
    winners: int
    is_of_lines: bool = False


KINDS = (
    Kind("WIN", places=1, runners=8, winners=1),
    Kind("WIN", places=1, runners=6, winners=1),
    Kind("WIN", places=1, runners=5, winners=1),
    Kind("PLACE", places=2, runners=6, winners=2),
    Kind("PLACE", places=3, runners=8, winners=3),
    Kind("OTHER_PLACE", places=2, runners=6, winners=2),
    Kind("EACH_WAY", places=3, runners=7, winners=1),
    Kind("MATCH_ODDS", places=1, runners=3, winners=1),
    Kind("ASIAN_HANDICAP", places=0, runners=6, winners=3, is_of_lines=True),
)


class Runner:
    """A selection, or one of its lines.

    Attributes:
        selection_id: The selection.
        handicap: Its line.
        prices: Its prices.
        status: As its definition says.
        factor: Its adjustment factor, per cent.
    """

    def __init__(self, selection_id: int, handicap: float | None, prices: Prices, factor: float | None) -> None:
        """Take what a runner is."""
        self.selection_id, self.handicap, self._written = selection_id, handicap or 0, handicap
        self.prices, self.status, self.factor = prices, "ACTIVE", factor

    def named(self, dice: Random) -> Fields:
        """Say which runner it is."""
        written = dice.choice(_NAUGHTS) if not self.handicap and dice.random() < 0.2 else self._written
        return {"id": self.selection_id} | ({} if written is None else {"hc": written})

    def say(self, dice: Random, change: Callable[[Prices], Fields]) -> Fields:
        """Change its prices, and say so."""
        return self.named(dice) | change(self.prices)


class MarketState:
    """What the exchange has of a market, and says of it.

    Attributes:
        kind: What kind of market it is.
        clock: When the next message is published, milliseconds since 1970 UTC.
        off: Its scheduled off, the same.
        runners: Those in the book, in the order in which definitions list them.
        bench: Those that are not there, or not any more.
        has_starting_prices, turns_in_play: What kind of market it is, too.
        status, version, bet_delay, is_in_play, is_reconciled: As its definition says.
    """

    def __init__(self, market_id: str, dice: Random) -> None:
        """Invent a market.

        Args:
            market_id: Its id.
            dice: Decides.
        """
        self._id, self._dice = market_id, dice
        self.kind = kind = dice.choice(KINDS)
        self.has_starting_prices = not kind.is_of_lines and dice.random() < 0.6
        self.turns_in_play = dice.random() < 0.5
        self.clock = OFF - dice.choice((150_000, 600_000, 3 * 3_600_000))
        self.off, self.status, self.version, self.bet_delay = OFF, "OPEN", 1, 0
        self.is_in_play = self.is_reconciled = False
        self.runners: list[Runner] = []
        self.bench = self._invent_runners()
        self._known: set[tuple[int, float]] = set()
        # Betfairlightweight refuses a field that it does not know of a runner's definition, and so the market.
        self._is_unreadable = dice.random() < 0.02
        self._constant = {
            "bettingType": "ASIAN_HANDICAP_DOUBLE_LINE" if kind.is_of_lines else "ODDS",
            "bspMarket": self.has_starting_prices,
            "countryCode": "GB",
            "crossMatching": dice.random() < 0.5,
            "discountAllowed": dice.random() < 0.8,
            "eventId": "34000001",
            "eventName": "Hostile Park",
            "eventTypeId": "7",
            "marketBaseRate": dice.choice((5.0, 7.0, 8)),
            "marketType": kind.market_type,
            "name": "R1 1200m",
            "numberOfWinners": kind.places,
            "openDate": _written(OFF),
            "persistenceEnabled": dice.random() < 0.8,
            "regulators": ["MR_TEST"],
            "runnersVoidable": False,
            "timezone": "Europe/London",
            "turnInPlayEnabled": self.turns_in_play,
        } | ({"eachWayDivisor": 4.0} if kind.market_type == "EACH_WAY" else {})

    def enter(self, how_many: int) -> None:
        """Take runners from the bench into the book; of no effect where there are none."""
        self.runners += self.bench[:how_many]
        del self.bench[:how_many]

    def change(self, runners: list[Runner], how: Callable[[Prices], Fields]) -> list[Fields]:
        """Change the prices of runners, and say so."""
        return [runner.say(self._dice, how) for runner in runners]

    def some(self, how: Callable[[Prices], Fields]) -> list[Fields]:
        """Change the prices of one runner, or of two, or of all, and say so."""
        how_many = self._dice.choice((1, 1, 1, 1, 2, 2, len(self.runners)))
        return self.change(self._dice.sample(self.runners, min(how_many, len(self.runners))), how)

    def message(
        self,
        changes: list[Fields] | None = None,
        *,
        defines: list[Runner] | None = None,
        is_image: bool = False,
    ) -> Message:
        """Say it.

        Args:
            changes: Of runners; None leaves `rc` out.
            defines: The runners that a definition lists; None leaves the definition out.
            is_image: Whether all that was said before is to be forgotten.

        Returns:
            The message.
        """
        dice = self._dice
        change: Fields = {"id": self._id}
        if is_image:
            self._known.clear()
            change["img"] = True
        elif dice.random() < 0.1:
            change["img"] = False
        if defines is not None:
            change["marketDefinition"] = definition = self._definition(defines)
            self._known.update((runner["id"], runner.get("hc", 0)) for runner in definition["runners"])
        if changes is not None:
            change["rc"] = [self._perhaps_strange(fields) for fields in changes]
        if dice.random() < 0.2:
            change["tv"] = round(dice.uniform(0, 9000), 2)
        if dice.random() < 0.5:
            change["con"] = True
        change |= _UNKNOWN if dice.random() < 0.02 else {}
        message = {"op": "mcm", "clk": f"A{self.clock % 9973}", "pt": self.clock, "mc": [change]}
        return message | (_UNKNOWN if dice.random() < 0.02 else {})

    def _definition(self, runners: list[Runner]) -> Fields:
        dice = self._dice
        definition: Fields = {
            **self._constant,
            "betDelay": self.bet_delay,
            "bspReconciled": self.is_reconciled,
            "complete": dice.random() < 0.9,
            "inPlay": self.is_in_play,
            "marketTime": _written(self.off),
            "numberOfActiveRunners": sum(runner.status == "ACTIVE" for runner in self.runners),
            "status": self.status,
            "suspendTime": _written(self.off),
            "version": self.version,
            "runners": [self._runner_definition(place, runner) for place, runner in enumerate(runners, 1)],
        }
        if self.status == "CLOSED":
            definition["settledTime"] = _written(self.clock)
        if dice.random() < 0.05:
            definition["priceLadderDefinition"] = {"type": "CLASSIC"}
        if self.kind.is_of_lines and dice.random() < 0.3:
            definition["keyLineDefinition"] = {"kl": [{"id": 101, "hc": -1.5}, {"id": 102, "hc": 1.5}]}
        return definition | (_UNKNOWN if dice.random() < 0.03 else {})

    def _runner_definition(self, place: int, runner: Runner) -> Fields:
        definition = runner.named(self._dice) | {"sortPriority": place, "status": runner.status}
        definition["name"] = f"{place}. Runner {runner.selection_id}"
        if runner.factor is not None:
            definition["adjustmentFactor"] = runner.factor
        if runner.status == "REMOVED":
            definition["removalDate"] = _written(self.clock)
        elif self.is_reconciled:
            definition["bsp"] = "NaN" if self._dice.random() < 0.02 else runner.prices.bsp
        return definition | (_UNKNOWN if self._is_unreadable and self._dice.random() < 0.05 else {})

    def _perhaps_strange(self, fields: Fields) -> Fields:
        """Add a field that nobody knows, where betfairlightweight lets it pass: not at a runner's first naming."""
        key = fields["id"], fields.get("hc", 0)
        is_known = key in self._known
        self._known.add(key)
        return fields | _UNKNOWN if is_known and self._dice.random() < 0.01 else fields

    def _invent_runners(self) -> list[Runner]:
        dice, views = self._dice, self._dice.choice(_VIEWS)
        factors = (None,) if self.kind.is_of_lines else dice.choice(((None,), FACTORS, FACTORS, (*FACTORS, None)))
        single = [(101 + number, dice.choice(_NAUGHTS)) for number in range(self.kind.runners + 2)]
        named = _LINES if self.kind.is_of_lines else single
        return [Runner(*name, Prices(dice, views), dice.choice(factors)) for name in named]


def _written(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
