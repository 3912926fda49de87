"""The market definition: what the exchange says of a market apart from its prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sample.races import Race, Runner


@dataclass(frozen=True, slots=True)
class Definition:
    """A market as it stands; a change is another one, made with `dataclasses.replace`.

    Attributes:
        race: The race.
        version: The exchange's number of this state; it grows.
        market_time: The scheduled off, UTC.
        status: `OPEN`, `SUSPENDED` or `CLOSED`.
        cross_matching: Whether the exchange matches bets across runners.
        removed_at: When the withdrawn runner was removed, UTC; None before that, and where none is withdrawn.
        starting_prices: BSP by selection id, decimal odds; empty before the off.
        bsp_reconciled: Whether the starting price bets are matched.
        settled_at: When the market was settled, UTC; None before.
    """

    race: Race
    version: int
    market_time: datetime
    status: str = "OPEN"
    cross_matching: bool = False
    removed_at: datetime | None = None
    starting_prices: Mapping[int, float] = field(default_factory=dict)
    bsp_reconciled: bool = False
    settled_at: datetime | None = None

    def as_json(self) -> dict[str, object]:
        """The stream's `marketDefinition`, its fields in the exchange's order."""
        race = self.race
        scheduled = utc(self.market_time)
        runners = self._runners()
        settled = {} if self.settled_at is None else {"settledTime": utc(self.settled_at)}
        return {
            "bspMarket": True,
            "turnInPlayEnabled": False,
            "persistenceEnabled": False,
            "marketBaseRate": race.track.base_rate,
            "eventId": race.event_id,
            "eventTypeId": "4339",
            "numberOfWinners": 1,
            "bettingType": "ODDS",
            "marketType": "WIN",
            "marketTime": scheduled,
            "suspendTime": scheduled,
            "bspReconciled": self.bsp_reconciled,
            "complete": True,
            "inPlay": False,
            "crossMatching": self.cross_matching,
            "runnersVoidable": False,
            "numberOfActiveRunners": sum(runner["status"] == "ACTIVE" for runner in runners),
            "betDelay": 0,
            "status": self.status,
            **settled,
            "runners": runners,
            "regulators": ["SYNTHETIC"],
            "venue": race.track.venue,
            "countryCode": race.track.country_code,
            "discountAllowed": True,
            "timezone": race.track.timezone,
            "openDate": utc(race.market_time),
            "version": self.version,
            "name": race.name,
            "eventName": race.event_name,
        }

    def _runners(self) -> list[dict[str, object]]:
        # The exchange moves a removed runner behind the others. sorted() keeps the boxes' order otherwise.
        ordered = sorted(self.race.runners, key=self._is_removed)
        return [self._runner(place, runner) for place, runner in enumerate(ordered, start=1)]

    def _runner(self, place: int, runner: Runner) -> dict[str, object]:
        entry: dict[str, object] = {"status": self._status(runner), "sortPriority": place}
        if self.removed_at is not None and self._is_removed(runner):
            entry["removalDate"] = utc(self.removed_at)
        elif runner.selection_id in self.starting_prices:
            entry["bsp"] = self.starting_prices[runner.selection_id]
        return {**entry, "id": runner.selection_id, "name": f"{runner.box}. {runner.name}"}

    def _status(self, runner: Runner) -> str:
        if self._is_removed(runner):
            return "REMOVED"
        if self.settled_at is None:
            return "ACTIVE"
        return "WINNER" if runner.selection_id == self.race.winner else "LOSER"

    def _is_removed(self, runner: Runner) -> bool:
        withdrawal = self.race.withdrawal
        return self.removed_at is not None and withdrawal is not None and withdrawal.selection_id == runner.selection_id


def utc(moment: datetime) -> str:
    """A UTC time as the exchange writes it, to the millisecond."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
