"""Describe each variant of a run by a row of figures and a sentence with the conclusion.

`figures.py` defines the descriptive figures, `bootstrap.py` and `multiple.py` intervals and p-values.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.aggregation.bootstrap import DRAWS, FEWEST, Counts, bets_to_tell, bootstrap, can_tell, sum_races
from tasks.aggregation.figures import (
    Floats,
    average_odds,
    closing_value,
    drawdown,
    find_bets,
    longest_losing_run,
    strike_rate,
)
from tasks.aggregation.multiple import benjamini_hochberg, one_sided, romano_wolf
from tasks.aggregation.precision import as_fine_as
from tasks.aggregation.races import Races
from tasks.aggregation.words import money, plural
from tasks.lake.datasets import RESULTS_STATISTICS

SIGNIFICANCE = 0.05
"""Upper bound on the chance that a run whose variants all lack an edge names a winner."""

_ALONE = ["net_low", "net_high", "roi_low", "roi_high", "net_noise", "roi_noise", "t", "p"]

# The least by which two nets differ.
_CENT = 0.01


def statistics(races: Races, variants: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `results/statistics`, in the order of the variants."""
    settled = races.settled.sort_values(["strategy", "settled_time", "market_id"])
    sums = sum_races(races, variants)
    bets = _in_order(find_bets(races.orders), settled)
    bets = bets.assign(race=bets["market_id"].map(sums.numbers))
    bets_of, settled_of = dict(iter(bets.groupby("strategy"))), dict(iter(settled.groupby("strategy")))
    told = can_tell(*(_count_races(bets[ended], variants) for ended in (bets["profit"] > 0, bets["profit"] < 0)))
    weighed = _weigh_alone(races, variants, told, weigh(sums.net, sums.turnover, told, sums.seed))
    described = pd.DataFrame(
        [_describe(bets_of.get(variant, bets[:0]), settled_of.get(variant, settled[:0])) for variant in variants],
    )
    table = pd.concat([described, weighed], axis="columns").assign(
        strategy=list(variants),
        variants=len(variants),
        races=(~np.isnan(sums.net)).sum(axis=0),
    )
    table["more_bets"] = pd.array([_more_bets(row) for row in table.to_dict("records")], dtype="Int64")
    return table[[column.name for column in RESULTS_STATISTICS.columns]]


def weigh(net: Floats, turnover: Floats, told: npt.NDArray[np.bool_], seed: int, draws: int = DRAWS) -> pd.DataFrame:
    """Test each variant's net against chance.

    A winner is a variant whose own 95 % interval lies above 0 and whose p-value, corrected for all that were tried, is
    at most 5 %; with a single variant the interval decides. Variants that cannot be tested cannot win, so the
    correction leaves them out.

    Args:
        net: Races × variants, the account's currency; NaN where a variant was not replayed.
        turnover: Likewise.
        told: Whether each variant can be tested; see `can_tell`.
        seed: Determines the draws.
        draws: Number of draws.

    Returns:
        A row per variant: the intervals, p-values and `winner` of `results/statistics`, and t. All but `winner` are NaN
        for a variant that cannot be tested.
    """
    weighed = pd.DataFrame(np.nan, index=range(net.shape[1]), columns=[*_ALONE, "p_corrected"])
    if told.any():
        nets = net[:, told]
        told = told.copy()
        told[told] = np.nanmax(nets, axis=0) - np.nanmin(nets, axis=0) >= _CENT
    if told.any():
        drawn = bootstrap(net[:, told], turnover[:, told], seed, draws)
        p = one_sided(drawn.statistic, drawn.draws)
        corrected = romano_wolf(drawn.statistic, drawn.draws)
        intervals = (*drawn.net_interval, *drawn.roi_interval, drawn.net_noise, drawn.roi_noise)
        weighed.loc[told] = np.column_stack([*intervals, drawn.statistic, p, corrected])
    return _name_winners(weighed)


def _weigh_alone(
    races: Races, variants: Sequence[str], told: npt.NDArray[np.bool_], together: pd.DataFrame
) -> pd.DataFrame:
    """Take all but the correction from draws of the variant's own races, which no other variant's rejects change."""
    groups = races.alike(variants)
    if len(groups) == 1:
        return together
    weighed = together.copy()
    for group in groups:
        rows = pd.Index(list(variants)).get_indexer(pd.Index(group))
        sums = sum_races(races, group)
        weighed.loc[rows, _ALONE] = weigh(sums.net, sums.turnover, told[rows], sums.seed)[_ALONE].to_numpy()
    weighed["p_corrected"] = weighed[["p", "p_corrected"]].max(axis="columns", skipna=False)
    return _name_winners(weighed)


def _name_winners(weighed: pd.DataFrame) -> pd.DataFrame:
    q = weighed["p"].copy()
    q[q.notna()] = benjamini_hochberg(q[q.notna()].to_numpy())
    return weighed.assign(q=q, winner=(weighed["net_low"] > 0) & (weighed["p_corrected"] <= SIGNIFICANCE))


def merit(row: Mapping[Any, Any]) -> tuple[bool, float]:
    """Return a variant's sort key, greater is better: by net, but one without bets ranks below all that bet.

    Args:
        row: Its `bets` and `net`.
    """
    return row["bets"] > 0, row["net"]


def best_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort variants by merit, best first, with a new index.

    Args:
        rows: With columns `bets` and `net`.
    """
    merits = [merit(row) for row in rows[["bets", "net"]].to_dict("records")]
    return rows.iloc[sorted(range(len(rows)), key=merits.__getitem__, reverse=True)].reset_index(drop=True)


def say_net(row: Mapping[str, Any]) -> str:
    """Format the net of a row of `results/statistics`: `net −7.46 on 92 bets`."""
    return f"net {money(row['net'])} on {plural(row['bets'], 'bet')}"


def verdict(row: Mapping[str, Any]) -> str:
    """Return the conclusion on a variant, a sentence without full stop.

    Args:
        row: A row of `results/statistics`, with `no_bets` of `results/summary` if known.
    """
    if not row["bets"]:
        return f"no bets: {row['no_bets']}" if row.get("no_bets") else "no bets"
    said = say_net(row)
    if pd.isna(row["net_low"]):
        return f"{said}: too few to tell; it takes a bet won in {FEWEST} races, and one lost in {FEWEST}"
    low, high = (as_fine_as(row["net_noise"], row[end]) for end in ("net_low", "net_high"))
    said = f"{said}, 95 % interval {low} to {high}"
    return f"{said}: {_conclusion(row)}"


def _conclusion(row: Mapping[str, Any]) -> str:
    tried = f"the {row['variants']:,} variants tried"
    if row["winner"]:
        return "evidence of an edge" + (f", also after correction for {tried}" if row["variants"] > 1 else "")
    if row["net_low"] > 0:
        return (
            f"evidence of an edge if it were alone, but of {tried} luck makes one look as good "
            f"in {row['p_corrected']:.0%} of cases: no evidence of an edge"
        )
    if row["net_high"] < 0:
        return "evidence of a loss"
    if pd.isna(row["more_bets"]):
        return "no evidence of an edge"
    about = float(f"{row['more_bets']:.2g}")
    return f"no evidence of an edge; about {about:,.0f} more bets would be needed to tell"


def _in_order(bets: pd.DataFrame, settled: pd.DataFrame) -> pd.DataFrame:
    """Sort bets by settlement, within a market by placing."""
    bets = bets.rename(columns={"strategy_name": "strategy"})
    times = settled[["strategy", "market_id", "settled_time"]]
    timed = bets.merge(times, on=["strategy", "market_id"], validate="many_to_one")
    # By length first: as text, a market's tenth bet id would sort before the ninth.
    timed["digits"] = timed["bet_id"].str.len()
    return timed.sort_values(["settled_time", "market_id", "date_time_placed", "digits", "bet_id"])


def _describe(bets: pd.DataFrame, settled: pd.DataFrame) -> dict[str, float]:
    profit, price, stake, bsp = (
        bets[column].to_numpy(dtype=float) for column in ("profit", "price_matched", "size_matched", "bsp")
    )
    net, turnover = settled["net"].to_numpy(dtype=float), float(settled["turnover"].sum())
    fall = drawdown(net, settled["settled_time"].dt.tz_localize(None).to_numpy())
    closing = closing_value(bets["side"].to_numpy(dtype=str), price, stake, bsp, bets["race"].to_numpy(dtype=int))
    return {
        "bets": len(bets),
        "net": round(float(net.sum()), 2) + 0.0,
        "roi": float(net.sum()) / turnover if turnover else np.nan,
        "strike_rate": strike_rate(profit),
        "average_odds": average_odds(price, stake),
        "drawdown": fall.depth,
        "drawdown_days": fall.days,
        "losing_run": longest_losing_run(profit),
        "bsp_bets": closing.bets,
        "clv": closing.clv,
        "clv_error": closing.standard_error,
        "bsp_gross": closing.expected_gross,
    }


def _count_races(bets: pd.DataFrame, variants: Sequence[str]) -> Counts:
    """Count the races in which each variant has any of these bets."""
    races = bets.groupby("strategy")["race"].nunique()
    return np.array([races.get(variant, 0) for variant in variants])


def _more_bets(row: Mapping[Hashable, Any]) -> int | None:
    if pd.isna(row["net_low"]) or row["net"] == 0:
        return None
    is_told = row["net_low"] > 0 or row["net_high"] < 0
    return 0 if is_told else bets_to_tell(row["t"], row["bets"])
