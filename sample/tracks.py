"""The tracks, all invented: where they are, what the exchange charges there, and how it writes their races' names."""

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class Track:
    """A greyhound track.

    Attributes:
        venue: Its name.
        country_code: ISO code, `AU` or `GB`.
        timezone: The tz database's name of its local time.
        base_rate: The exchange's market base rate, percent of a market's net winnings.
        boxes: Runners in a race.
        first_race: Earliest time of a meeting's first race, UTC.
        distances: Metres.
        grades: Classes of race.
    """

    venue: str
    country_code: str
    timezone: str
    base_rate: float
    boxes: int
    first_race: time
    distances: tuple[int, ...]
    grades: tuple[str, ...]

    def race_name(self, number: int, distance: int, grade: str) -> str:
        """A race's name as the exchange writes it: `R3 452m Gr5` in Australia, `A6 400m` in Britain.

        Args:
            number: The race's number in the meeting.
            distance: Metres.
            grade: Class of race.
        """
        return f"{grade} {distance}m" if self.country_code == "GB" else f"R{number} {distance}m {grade}"


_AU_GRADES = ("Mdn", "Gr4", "Gr5", "Gr6", "Gr4/5", "Heat")

TRACKS = (
    Track("Larkfield", "AU", "Australia/Sydney", 7.0, 8, time(3), (330, 457, 520), _AU_GRADES),
    Track("Wattle Creek", "AU", "Australia/Brisbane", 7.0, 8, time(5), (349, 431, 526), _AU_GRADES),
    Track("Thornwick", "GB", "Europe/London", 5.0, 6, time(13), (265, 405, 575), ("A1", "A4", "A6", "A9", "S2")),
)
"""The sample's tracks."""
