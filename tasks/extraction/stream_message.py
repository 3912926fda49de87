"""What a line of the exchange's stream looks like, as types: a line that does not look so is refused where it is read.

Only what is read of it is declared; whatever else is in a line stays in its raw form. The fields are described in
Betfair's Exchange Stream API, MarketChangeMessage.
"""

from typing import Any, Literal, Required, TypedDict

Number = int | float
Levels = list[tuple[Number, Number]]
BestLevels = list[tuple[Number, Number, Number]]
StartingPrice = Number | Literal["NaN", "Infinity", "-Infinity"] | None


class RunnerChange(TypedDict, total=False):
    """What changed of a runner: prices in decimal odds, sizes in GBP; the best levels with their positions first."""

    id: Required[int]
    hc: Number | None
    ltp: Number | None
    tv: Number | None
    spn: StartingPrice
    spf: StartingPrice
    trd: Levels
    atb: Levels
    atl: Levels
    spb: Levels
    spl: Levels
    batb: BestLevels
    batl: BestLevels
    bdatb: BestLevels
    bdatl: BestLevels


class MarketChange(TypedDict, total=False):
    """What changed of a market."""

    id: Required[str]
    marketDefinition: dict[str, Any]
    rc: list[RunnerChange]
    con: bool
    img: bool
    tv: Number | None


class StreamMessage(TypedDict, total=False):
    """A line of the stream; `pt` is the moment it was published, milliseconds since 1970 UTC."""

    pt: Required[int]
    mc: list[MarketChange]
