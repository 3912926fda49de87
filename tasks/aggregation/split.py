"""Test out of sample: rank variants on the races before a day, then judge the best on the races from that day on.

The best of many was chosen because it looked good; only races that had no part in the choice show whether it is.
`statistics.py` makes the figures of both parts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from tasks.aggregation.folds import Fold
from tasks.aggregation.races import Races
from tasks.aggregation.statistics import best_first, merit, say_net, statistics, verdict
from tasks.lake.datasets import RESULTS_SPLIT

FIRST, SECOND, TOGETHER = "first", "second", "together"

IN_MONTH, FROM_THEN_ON = "in that month", "from then on"
"""The period of a second part, in words."""

_CHOSEN = "chosen each month"


def compare(races: Races, variants: Sequence[str], folds: Sequence[Fold]) -> pd.DataFrame:
    """Rank variants by net on the first part of each fold, and describe them on both.

    On the second part the best is described as a single variant, chosen beforehand; the others as variants that were
    tried.

    Args:
        races: All of the run's.
        variants: Their ids.
        folds: From `split_markets`.

    Returns:
        Rows of `results/split`: for each fold the first part, then the second, by rank on the first; with several
        folds, then the chosen variants on all second parts together.
    """
    tables: list[pd.DataFrame] = []
    chosen: list[Races] = []
    for one in folds:
        first, second = races.among(one.first), races.among(one.second)
        ranked = best_first(statistics(first, variants))
        best = ranked["strategy"].iloc[0]
        chosen.append(second.of(best))
        alone, among_all = statistics(chosen[-1], [best]), statistics(second, variants)
        judged = pd.concat([alone, among_all]).drop_duplicates("strategy").set_index("strategy")
        for part, rows in ((FIRST, ranked), (SECOND, judged.loc[ranked["strategy"]].reset_index())):
            tables.append(rows.assign(begins=one.begins, part=part, rank=range(1, len(rows) + 1)))
    if len(folds) > 1:
        together = statistics(_together(chosen), [_CHOSEN])
        tables.append(together.assign(begins=folds[0].begins, part=TOGETHER, rank=1))
    return pd.concat(tables, ignore_index=True)[[column.name for column in RESULTS_SPLIT.columns]]


def say_reach(parts: Iterable[str]) -> str:
    """Return the period of second parts: a month each with several folds, all that follows with one.

    Args:
        parts: The column `part` of `results/split`.

    Returns:
        `IN_MONTH` or `FROM_THEN_ON`.
    """
    return IN_MONTH if TOGETHER in set(parts) else FROM_THEN_ON


def say_split(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe how the best variant of each fold's first part did on the second.

    Args:
        rows: Of `results/split`.

    Returns:
        A sentence per fold, without full stop; with several folds, then one for all together.
    """
    said = []
    reach = say_reach(row["part"] for row in rows)
    for before in rows:
        if before["part"] != FIRST or before["rank"] != 1:
            continue
        after = [row for row in rows if row["part"] == SECOND and row["begins"] == before["begins"]]
        best = next(row for row in after if row["rank"] == 1)
        place = 1 + sum(merit(row) > merit(best) for row in after)
        where = f"in {before['begins']:%Y-%m}" if reach == IN_MONTH else f"from {before['begins']}"
        said.append(
            f"out of sample {where}: {before['strategy']}, the best of {before['variants']:,} before "
            f"({say_net(before)}), is number {place} {reach}: {verdict(best)}"
        )
    together = (f"out of sample, all months together: {verdict(row)}" for row in rows if row["part"] == TOGETHER)
    return [*said, *together]


def _together(chosen: Sequence[Races]) -> Races:
    """Combine the variants chosen each month into one."""
    orders, settled, markets = (
        pd.concat([getattr(one, rows) for one in chosen]) for rows in ("orders", "settled", "markets")
    )
    return Races(orders.assign(strategy_name=_CHOSEN), settled.assign(strategy=_CHOSEN), markets)
