"""Select the markets to replay by filtering the catalogue."""

from collections.abc import Iterable, Mapping
from datetime import date

import pandas as pd

from tasks.archives.catalogue import read_catalogue
from tasks.archives.manifest import Manifest, types_not_asked
from tasks.archives.market_filter import MarketFilter
from tasks.errors import InputError
from tasks.lake.store import Lake
from tasks.rejects import Reject


def select_markets(
    lake: Lake, manifests: Iterable[Manifest], wanted: MarketFilter
) -> tuple[pd.DataFrame, dict[str, list[Reject]]]:
    """Select the markets to replay.

    Args:
        manifests: Of extracted archives; a market in several is taken from the first.
        wanted: The filter.

    Returns:
        Rows of `catalogue/markets` with columns `archive` and `upstream`, in order of market time; and, by archive, the
        markets left out because an earlier archive has them.

    Raises:
        NotExtractedError: Part of the catalogue is missing.
        InputError: No market passes; the message lists the available values.
    """
    extracted = list(manifests)
    names = [manifest.archive for manifest in extracted]
    each = [read_catalogue(lake, manifest) for manifest in extracted]
    # Without empty ones, whose columns have other types.
    catalogue = pd.concat([rows for rows in each if len(rows)] or each[:1], ignore_index=True)
    # Before the filter: whether the first copy passes decides, not whether any does.
    again = catalogue.duplicated("market_id")
    copies, catalogue = catalogue[again], catalogue[~again]
    passes = _passes(catalogue, wanted)
    chosen = catalogue[pd.DataFrame(passes).all(axis="columns")]
    if missing := [market_id for market_id in wanted.market_ids if market_id not in set(chosen["market_id"])]:
        others = types_not_asked(lake, extracted)
        raise InputError("; ".join(_why_not(market_id, catalogue, passes, others, names) for market_id in missing))
    if chosen.empty:
        others = types_not_asked(lake, extracted)
        if catalogue.empty and not others:
            raise InputError(f"{', '.join(names)}: no market can be replayed; the rejects say why")
        raise InputError(f"no market passes the filter ({_asked(wanted)}); available are {_offer(catalogue, others)}")
    rejects: dict[str, list[Reject]] = {}
    of_chosen = copies["market_id"].isin(chosen["market_id"])
    for archive, market_id in copies.loc[of_chosen, ["archive", "market_id"]].itertuples(index=False):
        rejects.setdefault(archive, []).append(Reject(market_id, "market twice", "an earlier archive has it"))
    return chosen.sort_values(["market_time", "market_id"], ignore_index=True), rejects


def _passes(catalogue: pd.DataFrame, wanted: MarketFilter) -> dict[str, pd.Series]:
    """Return, by filtered column, which markets pass."""
    listed = {
        "market_id": wanted.market_ids,
        "market_type": wanted.types_that_filter,
        "country_code": wanted.countries,
        "venue": wanted.venues,
    }
    passes = {
        column: catalogue[column].str.casefold().isin([value.casefold() for value in values])
        for column, values in listed.items()
        if values
    }
    day = catalogue["market_date"]
    passes["market_date"] = (day >= (wanted.date_from or date.min)) & (day <= (wanted.date_to or date.max))
    return passes


def _why_not(
    market_id: str,
    catalogue: pd.DataFrame,
    passes: dict[str, pd.Series],
    others: Mapping[str, str],
    archives: list[str],
) -> str:
    found = catalogue[catalogue["market_id"] == market_id]
    if found.empty and market_id in others:
        return f"market {market_id} does not pass the other filters: its market_type is {others[market_id]}"
    if found.empty:
        return (
            f"market {market_id} is not in {', '.join(archives)}; "
            "an id is `1.` and nine digits, and spreadsheets drop trailing zeros"
        )
    first = found.iloc[0]
    reasons = [
        f"it has no {column}" if pd.isna(first[column]) else f"its {column} is {first[column]!s}"
        for column, kept in passes.items()
        if not kept[found.index[0]]
    ]
    return f"market {market_id} does not pass the other filters: {' and '.join(reasons)}"


def _asked(wanted: MarketFilter) -> str:
    """Return the filters as command-line options."""
    asked = {"--market-type": wanted.types_that_filter, "--country": wanted.countries, "--venue": wanted.venues}
    days = {"--from": wanted.date_from, "--to": wanted.date_to}
    listed = [f"{option} {value}" for option, values in asked.items() for value in values]
    return ", ".join([*listed, *(f"{option} {day}" for option, day in days.items() if day)])


def _offer(catalogue: pd.DataFrame, others: Mapping[str, str]) -> str:
    """Say what there is: all types, and of the asked ones countries, venues and days."""
    columns = (("types", "market_type"), ("countries", "country_code"), ("venues", "venue"))
    offered = [(name, {*catalogue[column].dropna()}) for name, column in columns]
    offered[0][1].update(others.values())
    said = [f"{name} {', '.join(sorted(values))}" for name, values in offered if values]
    if len(catalogue):
        said.append(f"days {catalogue['market_date'].min()} to {catalogue['market_date'].max()}")
    return "; ".join(said)
