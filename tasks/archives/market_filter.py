"""The markets that a run asks for."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.archives.first_type import MARKET_TYPE
from tasks.option import Option


def _market_type(text: str) -> str:
    if not MARKET_TYPE.fullmatch(text):
        raise ValueError(f"{text!r} is not a market type; give the exchange's name, such as WIN or OVER_UNDER_25")
    return text


MarketType = Annotated[str, AfterValidator(_market_type)]


class MarketFilter(BaseModel):
    """The requested markets; an empty list means all.

    If `market_ids` is given, the default of `market_types` is ignored. All other filters still apply.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    market_types: Annotated[list[MarketType], Option("--market-type", nothing="ALL")] = Field(
        ["WIN"], description="Market types: WIN, PLACE, …; none means all"
    )
    market_ids: Annotated[list[str], Option("--market")] = Field(
        [], description="Market ids: 1.200806927; none means all. With ids, the default market type WIN is ignored"
    )
    countries: Annotated[list[str], Option("--country")] = Field(
        [], description="Country codes: AU, GB, NZ, …; none means all"
    )
    venues: Annotated[list[str], Option("--venue")] = Field(
        [], description="Tracks, as the exchange names them; none means all"
    )
    date_from: Annotated[date | None, Option("--from")] = Field(
        None, description="First day of racing, where the track is: YYYY-MM-DD"
    )
    date_to: Annotated[date | None, Option("--to")] = Field(
        None, description="Last day of racing, where the track is: YYYY-MM-DD"
    )

    @property
    def types_that_filter(self) -> list[str]:
        """The accepted market types; empty means all."""
        is_default = self.market_types == type(self).model_fields["market_types"].default
        return [] if self.market_ids and is_default else self.market_types
