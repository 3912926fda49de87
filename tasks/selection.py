"""Which markets of which archives a backtest is about: filters on the catalogue, before anything is replayed."""

from collections.abc import Iterable
from datetime import date

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import InputError
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.rejects import Reject


class MarketFilter(BaseModel):
    """The markets a person asks for; an empty list asks for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    market_types: list[str] = Field(["WIN"], description="Market types: WIN, PLACE, …; none means all")
    countries: list[str] = Field([], description="Country codes: AU, GB, NZ, …; none means all")
    venues: list[str] = Field([], description="Tracks, as the exchange names them; none means all")
    date_from: date | None = Field(None, description="First day of racing, where the track is")
    date_to: date | None = Field(None, description="Last day of racing, where the track is")


def read_catalogue(lake: Lake, archive: str) -> pd.DataFrame:
    """Read an archive's markets.

    Args:
        lake: The lake.
        archive: Its name.

    Returns:
        `catalogue/markets` with a column `archive`.

    Raises:
        InputError: The archive was not extracted.
    """
    markets: pd.DataFrame = lake.read_all(CATALOGUE_MARKETS, {"archive": archive}).to_pandas()
    if markets.empty:
        raise InputError(f"{archive} has no markets in the lake {lake.root}; extract it first")
    return markets.assign(archive=archive)


def select_markets(
    lake: Lake, archives: Iterable[str], wanted: MarketFilter
) -> tuple[pd.DataFrame, dict[str, list[Reject]]]:
    """Select the markets to replay.

    Args:
        lake: The lake.
        archives: Names of extracted archives; of a market that is in several, the first's is taken.
        wanted: The filter.

    Returns:
        Rows of `catalogue/markets` with a column `archive`, in order of market time; and, by archive, the markets that
        are left out because an archive before has them.

    Raises:
        InputError: An archive was not extracted, or no market passes; the text lists what there would be.
    """
    catalogue = pd.concat([read_catalogue(lake, archive) for archive in archives], ignore_index=True)
    chosen = catalogue[_passes(catalogue, wanted)]
    if chosen.empty:
        raise InputError(f"no market passes the filter {wanted.model_dump(mode='json')}; there are {_offer(catalogue)}")
    again = chosen.duplicated("market_id")
    rejects: dict[str, list[Reject]] = {}
    for archive, market_id in chosen.loc[again, ["archive", "market_id"]].itertuples(index=False):
        rejects.setdefault(archive, []).append(Reject(market_id, "market twice", "an archive before this one has it"))
    return chosen[~again].sort_values(["market_time", "market_id"], ignore_index=True), rejects


def _passes(catalogue: pd.DataFrame, wanted: MarketFilter) -> pd.Series:
    passes = pd.Series(True, index=catalogue.index)
    listed = (("market_type", wanted.market_types), ("country_code", wanted.countries), ("venue", wanted.venues))
    for column, values in listed:
        if values:
            passes &= catalogue[column].str.casefold().isin([value.casefold() for value in values])
    if wanted.date_from:
        passes &= catalogue["market_date"] >= wanted.date_from
    if wanted.date_to:
        passes &= catalogue["market_date"] <= wanted.date_to
    return passes


def _offer(catalogue: pd.DataFrame) -> str:
    values = (
        f"{name} {', '.join(sorted(catalogue[column].dropna().unique()))}"
        for name, column in (("types", "market_type"), ("countries", "country_code"), ("venues", "venue"))
    )
    return f"{'; '.join(values)}; days {catalogue['market_date'].min()} to {catalogue['market_date'].max()}"
