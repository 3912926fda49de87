"""Explain why a variant has fewer bets than orders, or none: refusals, and orders never matched.

The columns in `tasks/lake/datasets.py` define each count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tasks.aggregation.words import plural
from tasks.lake.datasets import RESULTS_REFUSED
from tasks.orders.refusal import PLACE, Refusal
from tasks.rejects import Reject

_ACTIONS = {"cancel": "cancellation", "update": "update", "replace": "replacement"}

# The most in one sentence; all are in `results/refused`.
_MOST_KINDS = 3


class Kind(NamedTuple):
    """A variant's refusals of one kind.

    Attributes:
        first: Those in the first market by id, with the first refusal there.
        times: Number of refusals.
        markets: Number of markets.
    """

    first: Refusal
    times: int
    markets: int

    @property
    def what(self) -> str:
        """The number of requests: `33 orders`, `1 cancellation`."""
        return plural(self.times, _ACTIONS.get(self.first.action, "order"))

    @property
    def by(self) -> str:
        """The control and its reason."""
        return ": ".join(said for said in (self.first.control, self.first.reason) if said)


def kinds_of(refused: Iterable[Refusal]) -> list[Kind]:
    """Sum a variant's refusals by kind, the most frequent first."""
    by_kind: dict[tuple[str, str, str], list[Refusal]] = {}
    for refusal in refused:
        by_kind.setdefault(refusal.kind, []).append(refusal)
    kinds = [
        Kind(min(alike, key=lambda one: one.market_id), sum(one.times for one in alike), len(alike))
        for alike in by_kind.values()
    ]
    return sorted(kinds, key=lambda kind: (-kind.times, kind.first.kind))


def refused_rows(variants: Sequence[str], refused: Mapping[str, Sequence[Refusal]]) -> pd.DataFrame:
    """Return the rows of `results/refused`, in the order of the variants."""
    rows = [
        {**kind.first._asdict(), "strategy": variant, "times": kind.times, "markets": kind.markets}
        for variant in variants
        for kind in kinds_of(refused.get(variant, ()))
    ]
    frame = pd.DataFrame(rows, columns=RESULTS_REFUSED.schema.names)
    frame["selection_id"] = frame["selection_id"].astype("Int64")
    return frame


def count_orders(
    variants: Sequence[str], orders: pd.DataFrame, refused: Mapping[str, Sequence[Refusal]]
) -> pd.DataFrame:
    """Count each variant's refused, unmatched, cancelled and lapsed orders.

    Returns:
        Columns of `results/summary`, in the order of the variants.
    """
    counted = pd.DataFrame(
        {
            "strategy_name": orders["strategy_name"],
            "unmatched": orders["size_matched"] == 0,
            "cancelled": orders["size_cancelled"] > 0,
            "lapsed": orders["size_lapsed"] > 0,
        }
    )
    summed = counted.groupby("strategy_name").sum().reindex(list(variants), fill_value=0).astype(int)
    placing = [sum(one.times for one in refused.get(variant, ()) if one.action == PLACE) for variant in variants]
    return summed.assign(refused=placing).reset_index(drop=True)


def why_no_bets(
    orders: pd.DataFrame, refused: Iterable[Refusal], unsettled: Sequence[Reject] = (), *, is_replayed: bool
) -> str:
    """Return why a variant has no bet.

    Args:
        orders: Its rows of `orders` in markets that can be settled.
        refused: Its refusals.
        unsettled: The markets where its bets cannot be settled.
        is_replayed: Whether any other market was replayed for it.

    Returns:
        Part of a sentence: `33 orders refused (…)`, `12 orders, none matched: 10 lapsed, 2 cancelled`.
    """
    if not is_replayed and not unsettled:
        return "it could not be replayed on any market"
    kinds = [kind for kind in kinds_of(refused) if kind.first.action == PLACE]
    said = [_say_refused(kinds)] if kinds else []
    if len(orders):
        said.append(_say_orders(orders))
    if unsettled:
        reasons = ", ".join(dict.fromkeys(one.reason for one in unsettled))
        said.append(f"what it bet in {plural(len(unsettled), 'market')} cannot be settled ({reasons})")
    return "; ".join(said) or "it placed no order"


def say_kind(variant: str, kind: Kind) -> str:
    """Describe a variant's refusals of one kind, with the first as example; a sentence without full stop."""
    first = kind.first
    was = "was" if kind.times == 1 else "were"
    where = f" in {plural(kind.markets, 'market')}"
    by = f" by {first.control}" if first.control else ""
    of_first = say_order(first._asdict())
    return f"{variant}: {kind.what} {was} refused{where}{by}: {first.text}; the first was {of_first}"


def say_order(asked: Mapping[str, Any]) -> str:
    """Describe a requested order: `BACK 20.00 at 3 on 501 in 1.390000010`.

    Args:
        asked: market_id, selection_id, side, price, size, as in `results/refused`.
    """
    size = "" if asked["size"] is None else f" {_say_size(asked['size'])}"
    price = " at starting price" if asked["price"] is None else f" at {asked['price']:g}"
    return f"{asked['side']}{size}{price} on {asked['selection_id']} in {asked['market_id']}"


def _say_size(size: float) -> str:
    """Two decimals, or all of a size that was refused for having more."""
    return f"{size:,.2f}" if round(size, 2) == size else f"{size:,}"


def _say_refused(kinds: Sequence[Kind]) -> str:
    total = plural(sum(kind.times for kind in kinds), "order")
    if len(kinds) == 1:
        return f"{total} refused ({kinds[0].by})"
    said = [f"{kind.times:,} {kind.by}" for kind in kinds[:_MOST_KINDS]]
    if rest := kinds[_MOST_KINDS:]:
        said.append(f"{sum(kind.times for kind in rest):,} for other reasons")
    return f"{total} refused ({'; '.join(said)})"


def _say_orders(orders: pd.DataFrame) -> str:
    unmatched = orders[orders["size_matched"] == 0]
    fates = np.select(
        [unmatched["size_lapsed"] > 0, unmatched["size_cancelled"] > 0, unmatched["size_voided"] > 0],
        ["lapsed", "cancelled", "voided"],
        "open to the end",
    )
    said = ", ".join(f"{count:,} {fate}" for fate, count in Counter(fates).most_common())
    total, matched = plural(len(orders), "order"), len(orders) - len(unmatched)
    if not matched:
        # Flumine does not record whether a voided order had been matched.
        return f"{total}, none {'stood' if 'voided' in fates else 'matched'}: {said}"
    none = f", {len(unmatched):,} not matched: {said}" if said else ""
    return f"{total}, {matched:,} matched and void{none}"
