"""Races: who runs where and when, each runner's true chance, and who won. Nothing of markets, prices or files.

Drawing races is cheap (tens of thousands a second), so that a calibration can draw many months whose truth it knows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle
from random import Random

from sample.chance import seeded
from sample.names import greyhound_names
from sample.tracks import TRACKS, Track

FIRST_DAY = date(2026, 1, 1)
"""The first day of every sample."""

MOST_DAYS = 31
"""Days in the sample's month."""

MOST_RACES_A_MEETING = 14
"""Races that fit in a meeting before midnight UTC."""

_MINUTES_BETWEEN_RACES = 18
_USUAL_DELAY = (8, 45)  # seconds from market time to the off
_LATE_DELAY = (150, 300)
_WITHDRAWN_BEFORE_OFF = (40, 1500, 9000)  # seconds; the first is after most bets are struck, so that some are void


@dataclass(frozen=True, slots=True)
class Runner:
    """A greyhound in a race.

    Attributes:
        selection_id: The exchange's id of the greyhound.
        box: The starting box, from 1.
        name: The name without the box.
        win_probability: The true chance to win, from 0 to 1, over the runners it is given with.
    """

    selection_id: int
    box: int
    name: str
    win_probability: float


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A runner that is taken out of a race.

    Attributes:
        selection_id: The runner.
        seconds_before_off: When the market is suspended for it, seconds.
    """

    selection_id: int
    seconds_before_off: int


@dataclass(frozen=True, slots=True)
class Race:
    """A race with a WIN market.

    Attributes:
        track: Where.
        event_id: The exchange's id of the meeting, 8 digits.
        market_id: The exchange's id of the market, `1.` and 9 digits.
        market_time: The off as first scheduled, UTC.
        number: The race's number in the meeting, from 1.
        distance: Metres.
        grade: The class of race.
        runners: All that were entered, by box; their win probabilities are those with nobody withdrawn.
        winner: The selection id of the runner that won.
        withdrawal: The runner that did not start, if any.
        postponed_seconds: How far the exchange moves the market time, seconds; 0 where it does not.
        late_seconds: How long after the (moved) market time the race is off, seconds.
    """

    track: Track
    event_id: str
    market_id: str
    market_time: datetime
    number: int
    distance: int
    grade: str
    runners: tuple[Runner, ...]
    winner: int
    withdrawal: Withdrawal | None
    postponed_seconds: int
    late_seconds: int

    @property
    def name(self) -> str:
        """The market's name, as the exchange writes it in the track's country."""
        return self.track.race_name(self.number, self.distance, self.grade)

    @property
    def event_name(self) -> str:
        """The meeting's name, with the mark that it is synthetic."""
        day = self.market_time.day
        suffix = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        return f"{self.track.venue} (SYN) {day}{suffix} {self.market_time:%b}"

    @property
    def off_time(self) -> datetime:
        """When the race is off, UTC."""
        return self.market_time + timedelta(seconds=self.postponed_seconds + self.late_seconds)

    @property
    def starters(self) -> tuple[Runner, ...]:
        """The runners that started, their win probabilities shared out among them (they add up to 1)."""
        if self.withdrawal is None:
            return self.runners
        left = [runner for runner in self.runners if runner.selection_id != self.withdrawal.selection_id]
        total = sum(runner.win_probability for runner in left)
        return tuple(replace(runner, win_probability=runner.win_probability / total) for runner in left)


def draw_month(  # noqa: PLR0913 - each is a number that a calibration varies on its own; a bundle would only hide them
    seed: int,
    *,
    races: int = 60,
    days: int = 3,
    tracks: tuple[Track, ...] = TRACKS,
    withdrawn: int = 3,
    postponed: int = 2,
    late: int = 2,
    ability_spread: float = 0.8,
) -> list[Race]:
    """Draws a month's races, each with its winner.

    Args:
        seed: Decides everything.
        races: How many.
        days: Over how many days, from the 1st of January 2026; every track has a meeting on each.
        tracks: Where.
        withdrawn: Races with a runner withdrawn.
        postponed: Races whose market time the exchange moves.
        late: Races that are off minutes after their market time, with no word from the exchange.
        ability_spread: Standard deviation of the runners' log abilities; 0 makes every runner equally likely.

    Returns:
        The races by day, track and number. No race is more than one of withdrawn, postponed and late.

    Raises:
        ValueError: If the races do not fit in the days.
    """
    meetings = [(FIRST_DAY + timedelta(days=day), track) for day in range(days) for track in tracks]
    room = len(meetings) * MOST_RACES_A_MEETING
    if not 0 <= races <= room or days > MOST_DAYS:
        raise ValueError(
            f"{races} races in {days} days: a sample has at most {MOST_DAYS} days, "
            f"and {len(meetings)} meetings have room for {room} races"
        )
    rng = seeded(seed, "races")
    first_market = rng.randrange(250_000_000, 260_000_000)
    first_event = rng.randrange(34_000_000, 35_000_000)
    selections = count(rng.randrange(70_000_000, 80_000_000))
    names = cycle(greyhound_names(rng))
    unusual = rng.sample(range(races), min(races, withdrawn + postponed + late))
    place_among_unusual = {index: place for place, index in enumerate(unusual)}

    month: list[Race] = []
    for meeting, (day, track) in enumerate(meetings):
        first_off = datetime.combine(day, track.first_race, UTC) + timedelta(minutes=rng.randrange(40))
        size = races // len(meetings) + (meeting < races % len(meetings))
        for number in range(1, size + 1):
            runners = tuple(_draw_runners(track.boxes, selections, names, ability_spread, rng))
            place = place_among_unusual.get(len(month), len(unusual))
            withdrawal = None
            if place < withdrawn:
                before = _WITHDRAWN_BEFORE_OFF[place % len(_WITHDRAWN_BEFORE_OFF)]
                withdrawal = Withdrawal(rng.choice(runners).selection_id, before)
            is_postponed = withdrawn <= place < withdrawn + postponed
            is_late = withdrawn + postponed <= place < len(unusual)
            race = Race(
                track=track,
                event_id=str(first_event + 2 * meeting),
                market_id=f"1.{first_market + len(month)}",
                market_time=first_off + timedelta(minutes=_MINUTES_BETWEEN_RACES * (number - 1)),
                number=number,
                distance=rng.choice(track.distances),
                grade=rng.choice(track.grades),
                runners=runners,
                winner=runners[0].selection_id,
                withdrawal=withdrawal,
                postponed_seconds=60 * rng.randint(5, 15) if is_postponed else 0,
                late_seconds=rng.randint(*_LATE_DELAY if is_late else _USUAL_DELAY),
            )
            month.append(replace(race, winner=_draw_winner(race.starters, rng)))
    return month


def _draw_runners(
    boxes: int, selections: Iterator[int], names: Iterator[str], ability_spread: float, rng: Random
) -> Iterator[Runner]:
    abilities = [math.exp(rng.gauss(0, ability_spread)) for _ in range(boxes)]
    for box, ability in enumerate(abilities, start=1):
        yield Runner(next(selections), box, next(names), ability / sum(abilities))


def _draw_winner(starters: tuple[Runner, ...], rng: Random) -> int:
    chances = [runner.win_probability for runner in starters]
    return rng.choices(starters, weights=chances)[0].selection_id
