"""Bets and their cells: what each made after commission, where it was, and how sure a cell is."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from made_money import valued
from made_report import FIRST, frame, make_report, market, runner
from scipy.stats import t as student

from tasks.aggregation.commission import Commission
from tasks.aggregation.settlement import settle
from tasks.errors import BalanceError
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, ORDERS
from tasks.report.bets import bets_of
from tasks.report.breakdowns import DIMENSIONS, break_down

NO_RATINGS = pd.DataFrame({"market_id": [], "selection_id": [], "rating": []}).astype(
    {"market_id": "str", "selection_id": "int64", "rating": float}
)


def bets_in(report):
    return bets_of(report.orders, report.settled, report.markets, report.runners, report.ratings)


def order(market_id, number, place, profit, **changed):
    made = {
        "bet_id": f"{market_id}-{number}",
        "strategy_name": "a-1",
        "market_id": market_id,
        "selection_id": 1000 + place,
        "handicap": 0.0,
        "side": "BACK",
        "price_matched": 3.0,
        "size_matched": 5.0,
        "profit": profit,
        "bsp": 2.5,
        "runner_status": "LOSER",
    }
    return {**made, **changed}


def bets_from(orders, *, ratings=NO_RATINGS, markets=(), runners=()):
    ids = sorted({row["market_id"] for row in orders})
    places = list(markets) or [market(each, 12 * number, "Devonport", "AU", FIRST) for number, each in enumerate(ids)]
    markets = frame(places, CATALOGUE_MARKETS).assign(archive="month")
    ran = list(runners) or [runner(each, place, 2.5, won=False) for each in ids for place in range(8)]
    orders = valued(frame(orders, ORDERS))
    return bets_of(orders, settle(orders, markets, Commission()), markets, frame(ran, CATALOGUE_RUNNERS), ratings)


def test_commission_is_shared_by_the_bets_that_won():
    one = "1.200000001"
    made = bets_from([order(one, 1, 0, 30.0), order(one, 2, 1, 10.0), order(one, 3, 2, -20.0)])
    # 20 at 7 % is 1.40, of which 30 in 40 are the first bet's.
    assert made["net"].tolist() == pytest.approx([30 - 1.05, 10 - 0.35, -20])


def test_commission_is_shared_in_whole_cents():
    """7 % of 9.99 is 0.6993, booked as 0.70: a third is 0.23, and the cent that is left is the first bet's."""
    one = "1.200000001"
    made = bets_from([order(one, number, number, 3.33) for number in (1, 2, 3)])
    assert made["net"].tolist() == pytest.approx([3.09, 3.10, 3.10])


def test_a_market_that_was_lost_pays_none():
    one = "1.200000001"
    made = bets_from([order(one, 1, 0, 10.0), order(one, 2, 1, -20.0)])
    assert made["net"].tolist() == [10.0, -20.0]


def test_void_and_unmatched_orders_are_no_bets():
    one = "1.200000001"
    made = bets_from(
        [
            order(one, 1, 0, -5.0),
            order(one, 2, 1, 0.0, runner_status="REMOVED"),
            order(one, 3, 2, 0.0, size_matched=0.0),
        ]
    )
    assert made["bet_id"].tolist() == [f"{one}-1"]


def test_bets_that_are_not_what_was_settled():
    report = make_report()
    with pytest.raises(BalanceError, match=r"rated_price-00000001 do not add up .* run the backtest again"):
        bets_in(replace(report, orders=report.orders.iloc[:-1]))


def test_edges_are_on_the_bets_side():
    one = "1.200000001"
    ratings = pd.DataFrame({"market_id": [one, one], "selection_id": [1000, 1001], "rating": [2.5, 2.5]})
    made = bets_from(
        [order(one, 1, 0, -5.0), order(one, 2, 1, 5.0, side="LAY", price_matched=2.0), order(one, 3, 2, -5.0)],
        ratings=ratings,
    )
    assert made["edge"].tolist() == pytest.approx([0.2, 0.2, np.nan], nan_ok=True)
    assert made["at_edge"].tolist() == ["20% to 50%", "20% to 50%", "no rating"]


@pytest.mark.parametrize(
    ("price", "band"),
    [
        (1.01, "under 1.5"),
        (1.49, "under 1.5"),
        (1.5, "1.5 to 2"),
        (2.0, "2 to 3"),
        (49.99, "20 to 50"),
        (50, "50 and over"),
    ],
)
def test_a_band_begins_with_its_first_price(price, band):
    assert bets_from([order("1.200000001", 1, 0, -5.0, price_matched=price)])["at_odds"].tolist() == [band]


@pytest.mark.parametrize(
    ("venue", "country", "state", "hour"),
    [
        ("Devonport", "AU", "TAS (AU)", "12:00"),
        ("Angle Park", "AU", "SA (AU)", "12:00"),
        ("Albion Park", "AU", "QLD (AU)", "11:00"),
        ("Addington", "NZ", "Canterbury (NZ)", "14:00"),
        ("Nowhere", "AU", "unknown (AU)", "01:00 UTC"),
        ("Romford", "GB", "none (GB)", "01:00"),
        (None, None, "none (no country)", "01:00 UTC"),
    ],
)
def test_where_and_when_a_bet_was(venue, country, state, hour):
    one = "1.200000001"
    at = market(one, 1, venue, country, datetime(2022, 3, 1, 1, 30, tzinfo=UTC))
    (made,) = bets_from([order(one, 1, 0, -5.0)], markets=[at]).to_dict("records")
    assert (made["in_state"], made["at_hour"]) == (state, hour)
    assert made["in_venue"] == (venue or "no venue")


def test_a_runner_without_a_number():
    one = "1.200000001"
    nameless = [{**runner(one, place, 2.5, won=False), "number": place + 9 if place else None} for place in range(3)]
    made = bets_from([order(one, place + 1, place, -5.0) for place in range(3)], runners=nameless)
    assert break_down(made, "in_box")["cell"].tolist() == ["10", "11", "no number"]


def test_cells_are_in_their_own_order():
    made = bets_in(make_report(races=120))
    assert break_down(made, "at_odds")["cell"].tolist()[-3:] == ["6 to 10", "10 to 20", "20 to 50"]
    assert break_down(made, "in_box")["cell"].tolist() == [str(number) for number in range(1, 9)]
    days = break_down(made, "on_day")["cell"].tolist()
    assert days == sorted(days)
    venues = break_down(made, "in_venue")
    assert venues["bets"].is_monotonic_decreasing


def test_the_interval_is_that_of_a_ratio_clustered_by_race():
    made = bets_in(make_report(races=40, bets=4))
    cell = break_down(made.assign(all="all"), "all").iloc[0]
    races = made.groupby("race")[["net", "turnover"]].sum()
    residuals = races["net"] - cell["roi"] * races["turnover"]
    error = np.sqrt(40 / 39 * (residuals**2).sum()) / races["turnover"].sum()
    assert cell["roi"] == pytest.approx(races["net"].sum() / races["turnover"].sum())
    assert cell["roi_high"] - cell["roi"] == pytest.approx(student.ppf(0.975, 39) * error)
    assert cell["roi"] - cell["roi_low"] == pytest.approx(student.ppf(0.975, 39) * error)


def test_win_and_place_of_a_race_are_one_observation():
    ids = [f"1.2{number:08d}" for number in range(40)]
    at = [
        market(each, number // 24, "Devonport", "AU", FIRST.replace(hour=number // 2))
        for number, each in enumerate(ids)
    ]
    orders = [order(each, 1, 0, 5.0 if number // 2 % 2 else -5.0) for number, each in enumerate(ids)]
    pairs = break_down(bets_from(orders, markets=at).assign(all="all"), "all").iloc[0]
    alone = break_down(bets_from(orders).assign(all="all"), "all").iloc[0]
    assert pairs["markets"] == alone["markets"] == 40
    assert pairs["roi_high"] - pairs["roi"] > 1.3 * (alone["roi_high"] - alone["roi"])


def test_what_was_hardly_seen_has_no_interval():
    ids = [f"1.2{number:08d}" for number in range(12)]
    lost = bets_from([order(each, 1, 0, -5.0) for each in ids])
    assert break_down(lost, "on_side")["roi_low"].isna().all()
    four = bets_from([order(each, 1, 0, 5.0 if number < 4 else -5.0) for number, each in enumerate(ids)])
    assert break_down(four, "on_side")["roi_low"].isna().all()
    five = bets_from([order(each, 1, 0, 5.0 if number < 5 else -5.0) for number, each in enumerate(ids)])
    assert break_down(five, "on_side")["roi_low"].notna().all()


def test_no_bets_have_no_cells():
    report = make_report()
    none = bets_of(report.orders[:0], report.settled[:0], report.markets, report.runners, report.ratings)
    for dimension in DIMENSIONS:
        assert break_down(none, dimension.column).empty
