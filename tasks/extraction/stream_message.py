"""The types of a line of the exchange's stream; a line that does not match is refused on reading.

Only the fields we read are declared; the raw line keeps the others. Betfair's Exchange Stream API describes the fields
under MarketChangeMessage.
"""

from typing import Any, Literal, Required, TypedDict

Number = int | float
Levels = list[tuple[Number, Number]]
BestLevels = list[tuple[Number, Number, Number]]
StartingPrice = Number | Literal["NaN", "Infinity", "-Infinity"] | None


class RunnerChange(TypedDict, total=False):
    """A runner's changes: prices in decimal odds, sizes in GBP; best levels start with their position."""

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
    """A market's changes."""

    id: Required[str]
    marketDefinition: dict[str, Any]
    rc: list[RunnerChange]
    con: bool
    img: bool
    tv: Number | None


class StreamMessage(TypedDict, total=False):
    """A line of the stream; `pt` is its publish time, milliseconds since 1970 UTC."""

    pt: Required[int]
    mc: list[MarketChange]
