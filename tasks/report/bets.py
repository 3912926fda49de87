"""Turn a run's orders into bets, with their net and the cells that `breakdowns.py` sums them by."""

from itertools import pairwise

import numpy as np
import pandas as pd

from tasks.aggregation.cents import HUNDRED, hundredths
from tasks.aggregation.figures import find_bets
from tasks.aggregation.races import number_races
from tasks.errors import BalanceError
from tasks.report.tracks import WITH_STATES, find_state, find_zone

_HALF_A_CENT = 0.005
# 3 / 2.5 − 1 is a little less than 0.2 in binary, but belongs to the band that begins at 0.2.
_DECIMALS = 9

_ODDS = (1.0, 1.5, 2, 3, 4, 6, 10, 20, 50, np.inf)
_EDGES = (-np.inf, 0, 0.05, 0.1, 0.2, 0.5, 1, np.inf)
_NO_RATING = "no rating"
_MARKET = ["market_id", "venue", "country_code", "market_type", "market_date", "market_time"]


def bets_of(
    orders: pd.DataFrame,
    settled: pd.DataFrame,
    markets: pd.DataFrame,
    runners: pd.DataFrame,
    ratings: pd.DataFrame,
) -> pd.DataFrame:
    """Return the bets among orders: those matched, on runners that ran.

    A market's commission is divided in whole cents among the bets that won there, in proportion to their profits;
    losing bets pay none. So the nets of a variant's bets add up exactly to its net.

    Args:
        orders: Rows of `orders`, of any number of variants, as `worth.value` returns them.
        settled: Their rows of `results/markets`.
        markets: Rows of `catalogue/markets`, at least those bet on.
        runners: Rows of `catalogue/runners`, at least those bet on.
        ratings: market_id, selection_id, rating; may be empty.

    Returns:
        A row per bet: strategy, market_id, race (a number), selection_id, side, price_matched, bsp, rating, turnover,
        gross, net, edge (a fraction, positive if the rating favours the bet: price / rating − 1 for a back, 1 − price /
        rating for a lay), and the columns of `breakdowns.DIMENSIONS`.

    Raises:
        BalanceError: The bets do not add up to the settled results.
    """
    bets = find_bets(orders)
    bets = bets.rename(columns={"strategy_name": "strategy", "profit": "gross"})
    bets = bets.merge(settled[["strategy", "market_id", "commission"]], on=["strategy", "market_id"], how="left")
    bets = bets.merge(markets[_MARKET], on="market_id", how="left", validate="many_to_one")
    runner = ["market_id", "selection_id", "handicap"]
    bets = bets.merge(runners[[*runner, "number"]], on=runner, how="left", validate="many_to_one")
    bets = bets.merge(ratings, on=["market_id", "selection_id"], how="left", validate="many_to_one")
    bets["race"] = bets["market_id"].map(number_races(markets))
    bets["net"] = bets["gross"] - _shares(bets)
    _check_balance(bets, settled)
    beyond = bets["price_matched"] / bets["rating"] - 1
    bets["edge"] = beyond.where(bets["side"] == "BACK", -beyond)
    return bets.assign(**_cells(bets))


def _shares(bets: pd.DataFrame) -> pd.Series:
    """Divide each market's commission in whole cents, by the largest remainder method."""
    market = [bets["strategy"], bets["market_id"]]
    won = pd.Series(hundredths(bets["gross"].clip(lower=0)), index=bets.index)
    paid = hundredths(bets["commission"])
    whole, cut = divmod(paid * won, won.groupby(market).transform("sum").clip(lower=1))
    left = paid - whole.groupby(market).transform("sum")
    by_cut = bets.assign(cut=cut).sort_values(["cut", "bet_id"], ascending=[False, True])
    place = by_cut.groupby(["strategy", "market_id"]).cumcount()
    shares: pd.Series = (whole + (place.reindex(bets.index) < left).where(won > 0, other=False)) / HUNDRED
    return shares


def _check_balance(bets: pd.DataFrame, settled: pd.DataFrame) -> None:
    sums = ["turnover", "net"]
    missing = bets.groupby("strategy")[sums].sum().sub(settled.groupby("strategy")[sums].sum(), fill_value=0)
    wrong = missing[(missing.abs() > _HALF_A_CENT).any(axis=1)]
    if not wrong.empty:
        raise BalanceError(
            f"the bets of {wrong.index[0]} do not add up to its results: "
            f"{wrong['net'].iloc[0]:+.2f} net, {wrong['turnover'].iloc[0]:+.2f} turnover; run the backtest again"
        )


def _cells(bets: pd.DataFrame) -> dict[str, pd.Series]:
    """Return each bet's cell, by dimension; ordered categories where cells have a natural order."""
    state, zone = _places(bets)
    return {
        "in_venue": bets["venue"].fillna("no venue"),
        "in_country": bets["country_code"].fillna("no country"),
        "in_state": state,
        "on_day": _ordered(bets["market_date"].astype(str)),
        "at_hour": _ordered(_hours(bets["market_time"], zone)),
        "at_odds": _bands(bets["price_matched"], _ODDS, "{:g}"),
        "in_box": _boxes(bets["number"]),
        "in_market_type": bets["market_type"].fillna("no type"),
        "on_side": bets["side"],
        "at_edge": _bands(bets["edge"].round(_DECIMALS), _EDGES, "{:.0%}")
        .cat.add_categories(_NO_RATING)
        .fillna(_NO_RATING),
    }


def _places(bets: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    places = bets[["venue", "country_code"]].drop_duplicates()
    venues = places["venue"].fillna("")
    countries = places["country_code"].fillna("")
    places["state"] = [_state(venue, country) for venue, country in zip(venues, countries, strict=True)]
    places["zone"] = [find_zone(venue, country) or "" for venue, country in zip(venues, countries, strict=True)]
    placed = bets[["venue", "country_code"]].merge(places, on=["venue", "country_code"], how="left")
    return placed["state"].set_axis(bets.index), placed["zone"].set_axis(bets.index)


def _state(venue: str, country: str) -> str:
    if country not in WITH_STATES:
        return f"none ({country or 'no country'})"
    state = find_state(venue, country)
    return f"{state} ({country})" if state else f"unknown ({country})"


def _hours(times: pd.Series, zones: pd.Series) -> pd.Series:
    hours: pd.Series = times.dt.strftime("%H:00 UTC")
    for zone in set(zones) - {""}:
        here = zones == zone
        hours[here] = times[here].dt.tz_convert(zone).dt.strftime("%H:00")
    return hours


def _boxes(numbers: pd.Series) -> pd.Series:
    known = sorted(numbers.dropna().unique())
    names = {number: f"{number:.0f}" for number in known}
    return (
        numbers.map(names).fillna("no number").astype(pd.CategoricalDtype([*names.values(), "no number"], ordered=True))
    )


def _ordered(names: pd.Series) -> pd.Series:
    return names.astype(pd.CategoricalDtype(sorted(names.unique()), ordered=True))


def _bands(values: pd.Series, edges: tuple[float, ...], form: str) -> pd.Series:
    first, last = form.format(edges[1]), form.format(edges[-2])
    between = [f"{form.format(low)} to {form.format(high)}" for low, high in pairwise(edges[1:-1])]
    return pd.cut(values, edges, right=False, labels=[f"under {first}", *between, f"{last} and over"])
