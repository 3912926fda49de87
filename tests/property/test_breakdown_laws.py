"""Laws of breakdowns: whatever divides them, bets add up to the whole, and the whole to what was settled."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_money import valued
from made_report import make_report

from tasks.aggregation.commission import Commission
from tasks.aggregation.settlement import settle
from tasks.report.bets import bets_of
from tasks.report.breakdowns import DIMENSIONS, break_down

CENT = 0.01


@st.composite
def runs(draw):
    """A run of two variants at any rate, some of whose runners are removed and orders unmatched."""
    report = make_report(
        ("a-1", "b-2"),
        races=draw(st.integers(1, 12)),
        bets=draw(st.integers(1, 6)),
        seed=draw(st.integers(0, 10_000)),
        with_statistics=False,
    )
    orders = report.orders
    void, unmatched = (
        pd.Series(draw(st.lists(st.booleans(), min_size=len(orders), max_size=len(orders))), dtype=bool)
        for _ in range(2)
    )
    orders = orders.assign(
        runner_status=orders["runner_status"].where(~void, "REMOVED"),
        size_matched=orders["size_matched"].where(~unmatched, 0.0),
        profit=orders["profit"].where(~(void | unmatched), 0.0),
    )
    orders = valued(orders)
    settled = settle(orders, report.markets, Commission(draw(st.none() | st.floats(0, 0.5)), draw(st.floats(0, 100))))
    return replace(report, orders=orders, settled=settled)


def bets_in(report):
    return bets_of(report.orders, report.settled, report.markets, report.runners, report.ratings)


def in_cents(amounts):
    """What is shown, as a person adds it up."""
    return [round(100 * float(f"{amount:.2f}")) for amount in amounts]


@settings(max_examples=40, deadline=None)
@given(runs())
def test_every_breakdown_adds_up_to_what_was_settled(report):
    bets = bets_in(report)
    for strategy, settled in report.settled.groupby("strategy"):
        own = bets[bets["strategy"] == strategy]
        for dimension in DIMENSIONS:
            cells = break_down(own, dimension.column)
            assert cells["cell"].is_unique
            assert cells["bets"].sum() == settled["bets"].sum()
            assert cells["markets"].sum() >= (settled["bets"] > 0).sum()
            for money in ("turnover", "gross", "net"):
                assert sum(in_cents(cells[money])) == sum(in_cents(settled[money]))


@settings(max_examples=40, deadline=None)
@given(runs())
def test_a_bet_pays_commission_only_of_what_it_won(report):
    bets = bets_in(report)
    paid = bets["gross"] - bets["net"]
    assert (paid >= -1e-9).all()
    assert (paid < bets["gross"].clip(lower=0) * 0.5 + CENT + 1e-9).all()
    for keys, market in bets.groupby(["strategy", "market_id"]):
        settled = report.settled.set_index(["strategy", "market_id"]).loc[keys]
        assert market["net"].sum() == pytest.approx(settled["net"], abs=CENT / 2)


@settings(max_examples=40, deadline=None)
@given(runs())
def test_an_interval_holds_its_figure_and_needs_races_won_and_lost(report):
    for _, own in bets_in(report).groupby("strategy"):
        for dimension in DIMENSIONS:
            cells = break_down(own, dimension.column)
            known = cells[cells["roi_low"].notna()]
            assert (known["roi_low"] < known["roi"]).all()
            assert (known["roi"] < known["roi_high"]).all()
            assert (known["bets"] >= 10).all()


@settings(max_examples=20, deadline=None)
@given(runs(), st.randoms(use_true_random=False))
def test_the_order_of_bets_changes_nothing(report, rng):
    bets = bets_in(report)
    own = bets[bets["strategy"] == "a-1"]
    shuffled = own.sample(frac=1, random_state=rng.randrange(1000))
    for dimension in DIMENSIONS:
        pd.testing.assert_frame_equal(break_down(shuffled, dimension.column), break_down(own, dimension.column))
