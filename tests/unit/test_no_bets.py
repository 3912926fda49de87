"""Why a variant has no bet: from what was refused to it, and what became of its orders."""

import pandas as pd
import pytest

from tasks.aggregation.no_bets import count_orders, say_order, why_no_bets
from tasks.aggregation.statistics import verdict
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject


def orders(*fates, variant="a"):
    """An order each: sizes matched, cancelled, lapsed, voided."""
    sizes = ("size_matched", "size_cancelled", "size_lapsed", "size_voided")
    rows = [dict(zip(sizes, fate, strict=True)) for fate in fates]
    return pd.DataFrame(rows, columns=[*sizes]).assign(strategy_name=variant)


def refused(times, control="STRATEGY_EXPOSURE", reason="Order exposure (…)", action="place"):
    return Refusal("1.200000001", action, control, reason, times)


MATCHED, CANCELLED, LAPSED, VOIDED, OPEN = (2, 0, 0, 0), (0, 2, 0, 0), (0, 0, 2, 0), (0, 0, 0, 2), (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("placed", "refusals", "said"),
    [
        ([], [], "it placed no order"),
        ([], [refused(3, action="cancel")], "it placed no order"),
        ([], [refused(33)], "33 orders refused (STRATEGY_EXPOSURE: Order exposure (…))"),
        ([], [refused(1, "", "no")], "1 order refused (no)"),
        (
            [],
            [refused(1, "X", "x"), refused(1000), refused(2, "Y", "y"), refused(1, "Z", "z"), refused(1, "W", "w")],
            "1,005 orders refused (1,000 STRATEGY_EXPOSURE: Order exposure (…); 2 Y: y; 1 W: w; 2 for other reasons)",
        ),
        ([LAPSED] * 10 + [CANCELLED] * 2, [], "12 orders, none matched: 10 lapsed, 2 cancelled"),
        ([(0, 1, 1, 0)], [], "1 order, none matched: 1 lapsed"),
        ([VOIDED, OPEN, OPEN], [], "3 orders, none stood: 2 open to the end, 1 voided"),
        ([MATCHED], [], "1 order, 1 matched and void"),
        ([MATCHED, LAPSED], [], "2 orders, 1 matched and void, 1 not matched: 1 lapsed"),
        (
            [LAPSED],
            [refused(2)],
            "2 orders refused (STRATEGY_EXPOSURE: Order exposure (…)); 1 order, none matched: 1 lapsed",
        ),
    ],
)
def test_it_is_said_in_a_line(placed, refusals, said):
    assert why_no_bets(orders(*placed), refusals, is_replayed=True) == said
    assert verdict({"bets": 0, "no_bets": said}) == f"no bets: {said}"


@pytest.mark.parametrize("is_replayed", [True, False])
def test_who_bet_only_where_nothing_can_be_settled_is_told_so(is_replayed):
    unsettled = [Reject("1.2", "no result", "x"), Reject("1.3", "no result", "y")]
    cannot = "what it bet in 2 markets cannot be settled (no result)"
    assert why_no_bets(orders(), [], unsettled, is_replayed=is_replayed) == cannot
    assert why_no_bets(orders(LAPSED), [], unsettled, is_replayed=True) == f"1 order, none matched: 1 lapsed; {cannot}"


def test_who_was_replayed_nowhere_is_told_so():
    assert why_no_bets(orders(), [], is_replayed=False) == "it could not be replayed on any market"


@pytest.mark.parametrize(("size", "said"), [(2.0, "2.00"), (1234.5, "1,234.50"), (2.345, "2.345")])
def test_a_size_is_said_as_it_was_asked_for(size, said):
    asked = {"market_id": "1.2", "selection_id": 11, "side": "BACK", "price": 3.0, "size": size}
    assert say_order(asked) == f"BACK {said} at 3 on 11 in 1.2"


def test_orders_are_counted_by_what_became_of_any_of_them():
    placed = pd.concat([orders(MATCHED, (1, 1, 0, 0), (0, 1, 1, 0), OPEN), orders(LAPSED, variant="b")])
    counted = count_orders(["b", "c", "a"], placed, {"c": [refused(2), refused(5, action="cancel"), refused(1, "X")]})
    assert counted[["refused", "unmatched", "cancelled", "lapsed"]].to_numpy().tolist() == [
        [0, 1, 0, 1],
        [3, 0, 0, 0],
        [0, 2, 2, 1],
    ]
