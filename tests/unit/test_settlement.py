"""Commission: per market, per variant, on winnings only; void bets are no bets; all in order of settlement."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from made_money import described, valued

from tasks.aggregation.commission import Commission
from tasks.aggregation.settlement import settle
from tasks.aggregation.summary import by_day, by_variant

BASE_RATES = Commission()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def order(strategy, market_id, profit, *, matched=5.0, status="WINNER"):
    return {
        "strategy_name": strategy,
        "market_id": market_id,
        "profit": profit,
        "size_matched": matched,
        "runner_status": status,
    }


def market(market_id, *, minutes=0, rate=7.0):
    return {
        "archive": "month",
        "market_id": market_id,
        "settled_time": NOON + timedelta(minutes=minutes),
        "venue": "Larkfield",
        "country_code": "AU",
        "market_type": "WIN",
        "market_base_rate": rate,
    }


def settled(orders, markets, commission=BASE_RATES):
    frame = settle(valued(pd.DataFrame(orders)), described(pd.DataFrame(markets)), commission)
    return frame.to_dict("records")


def test_commission_is_on_a_markets_winnings():
    orders = [order("a", "1.1", 10.0), order("a", "1.1", -4.0), order("a", "1.2", -5.0), order("a", "1.3", 0.0)]
    won, lost, even = settled(orders, [market(m, minutes=n) for n, m in enumerate(("1.1", "1.2", "1.3"))])
    assert (won["gross"], won["commission"], won["net"]) == pytest.approx((6.0, 0.42, 5.58))
    assert (lost["gross"], lost["commission"], lost["net"]) == (-5.0, 0.0, -5.0)
    assert (even["gross"], even["commission"], even["net"]) == (0.0, 0.0, 0.0)
    assert (won["orders"], won["bets"], won["turnover"]) == (2, 2, 10.0)


def test_a_variants_losses_do_not_spare_another_its_commission():
    rows = settled([order("a", "1.1", 10.0), order("b", "1.1", -10.0)], [market("1.1")])
    assert [(row["strategy"], row["commission"]) for row in rows] == [("a", pytest.approx(0.7)), ("b", 0.0)]


def test_each_market_has_its_own_rate():
    rows = settled(
        [order("a", "1.1", 10.0), order("a", "1.2", 10.0)],
        [market("1.1", rate=7.0), market("1.2", rate=5.0, minutes=1)],
    )
    assert [row["base_rate"] for row in rows] == pytest.approx([0.07, 0.05])
    assert [row["commission"] for row in rows] == pytest.approx([0.7, 0.5])


@pytest.mark.parametrize(
    ("commission", "rate"),
    [
        (Commission(), 0.07),
        (Commission(0.05), 0.05),
        (Commission(0.0), 0.0),
        (Commission(discount_rate=10), 0.063),
        (Commission(discount_rate=100), 0.0),
        (Commission(0.05, discount_rate=10), 0.05),
    ],
)
def test_rates(commission, rate):
    [row] = settled([order("a", "1.1", 10.0)], [market("1.1")], commission)
    assert row["base_rate"] == pytest.approx(rate)
    assert row["net"] == pytest.approx(10 - 10 * rate)


def test_commission_is_rounded_in_each_market_and_nowhere_else():
    """The case `cents`: twenty markets that won 3.30 each, at 7 %."""
    markets = [market(f"1.{number}", minutes=number) for number in range(20)]
    rows = settled([order("a", row["market_id"], 3.3) for row in markets], markets)
    assert {row["commission"] for row in rows} == {0.23}
    assert rows[-1]["cumulative_net"] == 61.4


@pytest.mark.parametrize(("gross", "taken"), [(0.5, 0.01), (1.5, 0.02), (2.5, 0.03), (0.49, 0.0), (0.51, 0.01)])
def test_half_a_cent_of_commission_is_rounded_up(gross, taken):
    [row] = settled([order("a", "1.1", gross)], [market("1.1", rate=1.0)])
    assert row["commission"] == taken


def test_a_discount_is_taken_where_the_market_allows_one():
    """The case `discount-not-allowed`: 10.00 × 7 % and 10.00 × 7 % × 80 %."""
    markets = [{**market("1.1"), "discount_allowed": False}, market("1.2", minutes=1)]
    rows = settled([order("a", id_, 10.0) for id_ in ("1.1", "1.2")], markets, Commission(discount_rate=20))
    assert [row["commission"] for row in rows] == [0.7, 0.56]
    assert rows[-1]["cumulative_net"] == 18.74


def test_a_bet_on_a_removed_runner_is_void():
    [row] = settled(
        [order("a", "1.1", 0.0, matched=20.0, status="REMOVED"), order("a", "1.1", 3.0, matched=2.0)], [market("1.1")]
    )
    assert (row["orders"], row["bets"], row["void_bets"], row["turnover"]) == (2, 1, 1, 2.0)
    assert row["gross"] == 3.0


def test_an_unmatched_order_is_an_order_but_no_bet():
    [row] = settled(
        [order("a", "1.1", 0.0, matched=0.0), order("a", "1.1", 0.0, matched=0.0, status="REMOVED")], [market("1.1")]
    )
    assert (row["orders"], row["bets"], row["void_bets"], row["turnover"], row["net"]) == (2, 0, 0, 0.0, 0.0)


def test_the_order_is_that_of_settlement_not_of_ids():
    markets = [market("1.1", minutes=30), market("1.2", minutes=10), market("1.3", minutes=20)]
    rows = settled([order("a", m, p) for m, p in (("1.1", 1.0), ("1.2", -2.0), ("1.3", 4.0))], markets, Commission(0.5))
    assert [row["market_id"] for row in rows] == ["1.2", "1.3", "1.1"]
    assert [row["cumulative_gross"] for row in rows] == [-2.0, 2.0, 3.0]
    assert [row["cumulative_net"] for row in rows] == [-2.0, 0.0, 0.5]


def test_each_variant_accumulates_its_own():
    markets = [market("1.1"), market("1.2", minutes=1)]
    rows = settled(
        [order(s, m, p) for s, p in (("b", 1.0), ("a", -2.0)) for m in ("1.1", "1.2")], markets, Commission(0.0)
    )
    assert [(row["strategy"], row["cumulative_net"]) for row in rows] == [("a", -2), ("a", -4), ("b", 1), ("b", 2)]


def test_sums_are_whole_cents():
    [row] = settled([order("a", "1.1", 0.1, matched=0.1) for _ in range(3)], [market("1.1")])
    assert (row["gross"], row["turnover"]) == (0.3, 0.3)


def test_what_the_catalogue_says_comes_along():
    [row] = settled([order("a", "1.1", 1.0)], [market("1.1", minutes=5)])
    assert (row["archive"], row["venue"], row["country_code"], row["market_type"]) == (
        "month",
        "Larkfield",
        "AU",
        "WIN",
    )
    assert row["settled_time"] == NOON + timedelta(minutes=5)


def test_a_sum_of_nothing_has_no_sign():
    """−0.10 − 0.20 + 0.30 is a little less than 0 in binary."""
    ids = ("1.1", "1.2", "1.3")
    orders = [order("a", market_id, profit) for market_id, profit in zip(ids, (-0.1, -0.2, 0.3), strict=True)]
    rows = pd.DataFrame(settled(orders, [market(market_id) for market_id in ids], Commission(0.0)))
    summed = by_variant(rows, pd.DataFrame({"strategy": ["a"]}))
    assert [f"{summed[money].item():.2f}" for money in ("gross", "net")] == ["0.00", "0.00"]


def test_roi_is_on_stake_and_for_lays_on_liability_too():
    """A back of 4.00 at 2.5 wins 6.00, a lay of 4.00 at 3.5 wins its 4.00: 10.00 less 7 %, on 8.00 and on 14.00."""
    bets = [
        {**order("a", "1.1", 6.0, matched=4.0), "side": "BACK", "price_matched": 2.5},
        {**order("a", "1.1", 4.0, matched=4.0, status="LOSER"), "side": "LAY", "price_matched": 3.5},
    ]
    rows = pd.DataFrame(settled(bets, [market("1.1")]))
    [row] = by_variant(rows, pd.DataFrame({"strategy": ["a"]})).to_dict("records")
    net = Decimal(10) - Decimal(10) * Decimal("0.07")
    assert (row["net"], row["turnover"], row["liability"]) == (float(net), 8.0, 14.0)
    assert row["roi"] == pytest.approx(float(net / 8))
    assert row["roi_on_liability"] == pytest.approx(float(net / 14))


def test_days_are_those_of_the_track():
    """A meeting on the morning of 2 January in Queensland begins on the 1st in London."""
    days = [datetime(2026, 1, 2, tzinfo=UTC).date()] * 3
    markets = [{**market(f"1.{n}", minutes=60 * (10 + n)), "market_date": day} for n, day in enumerate(days)]
    rows = pd.DataFrame(settled([order("a", row["market_id"], 1.0) for row in markets], markets))
    assert rows["settled_time"].dt.date.nunique() == 2
    [day] = by_day(rows).to_dict("records")
    assert (day["date"], day["markets"], day["gross"]) == (days[0], 3, 3.0)
