"""Laws of money: what is won, taken and left adds up, in whatever order the orders come."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_money import described, valued

from tasks.aggregation.account import on_one_account
from tasks.aggregation.commission import Commission
from tasks.aggregation.settlement import settle
from tasks.aggregation.summary import by_day, by_variant

EVENING = datetime(2026, 1, 1, 20, tzinfo=UTC)
IDS = [f"1.20000000{n}" for n in range(6)]
MARKETS = described(
    pd.DataFrame(
        {
            "archive": "month",
            "event_id": "7",
            "market_id": IDS,
            "settled_time": [EVENING + timedelta(minutes=97 * (7 * n % 6)) for n in range(6)],
            "venue": "Larkfield",
            "country_code": "AU",
            "market_type": "WIN",
            "market_base_rate": [7.0, 5.0, 7.0, 2.0, 0.0, 6.5],
        }
    )
)
# What the statistics of an account read and these laws do not.
OF_STATISTICS = {
    "bet_id": "1",
    "selection_id": 1,
    "handicap": 0.0,
    "side": "BACK",
    "date_time_placed": EVENING,
    "price_matched": 2.0,
    "bsp": 2.0,
}
VARIANTS = pd.DataFrame({"strategy": ["a", "b", "c"], "name": "n", "parameters": "{}"})
CENT = 0.01
HALF_A_CENT = 0.005001

cents = st.integers(-50_000, 50_000).map(lambda n: n / 100)


def order(strategy, market_id, profit, matched, status):
    stands = matched > 0 and status != "REMOVED"
    return {
        "strategy_name": strategy,
        "market_id": market_id,
        "profit": profit if stands else 0.0,
        "size_matched": matched,
        "runner_status": status,
    }


orders_lists = st.lists(
    st.builds(
        order,
        st.sampled_from(["a", "b"]),
        st.sampled_from(IDS),
        cents,
        st.integers(0, 3000).map(lambda n: n / 100),
        st.sampled_from(["WINNER", "LOSER", "REMOVED"]),
    ),
    min_size=1,
    max_size=40,
)
rates = st.builds(Commission, st.none() | st.floats(0, 0.5), st.floats(0, 100))


def settled_of(orders, commission):
    return settle(valued(pd.DataFrame(orders)), MARKETS, commission)


@settings(max_examples=60)
@given(orders_lists, rates)
def test_net_is_gross_less_a_commission_that_only_winnings_pay(orders, commission):
    frame = settled_of(orders, commission)
    assert list(frame["net"]) == pytest.approx(list(frame["gross"] - frame["commission"]))
    assert (frame["commission"] >= 0).all()
    assert list(frame["commission"]) == pytest.approx(
        list(frame["gross"].clip(lower=0) * frame["base_rate"]), abs=CENT / 2 + 1e-9
    )
    assert (frame["net"] <= frame["gross"]).all()
    assert frame["base_rate"].between(0, 0.5).all()


@settings(max_examples=60)
@given(orders_lists, rates)
def test_each_market_is_what_its_orders_are(orders, commission):
    frame = settled_of(orders, commission)
    assert frame["orders"].sum() == len(orders)
    for row in frame.itertuples():
        mine = [o for o in orders if (o["strategy_name"], o["market_id"]) == (row.strategy, row.market_id)]
        bets = [o for o in mine if o["size_matched"] and o["runner_status"] != "REMOVED"]
        void = [o for o in mine if o["size_matched"] and o["runner_status"] == "REMOVED"]
        assert (row.orders, row.bets, row.void_bets) == (len(mine), len(bets), len(void))
        assert row.gross == pytest.approx(sum(o["profit"] for o in mine), abs=CENT / 2)
        assert row.turnover == pytest.approx(sum(o["size_matched"] for o in bets), abs=CENT / 2)


@settings(max_examples=60)
@given(orders_lists, rates)
def test_days_and_markets_and_summary_agree(orders, commission):
    frame = settled_of(orders, commission)
    days, summary = by_day(frame), by_variant(frame, VARIANTS).set_index("strategy")
    assert list(summary.index) == ["a", "b", "c"]
    for strategy, row in summary.iterrows():
        of_markets, of_days = frame[frame["strategy"] == strategy], days[days["strategy"] == strategy]
        for count in ("orders", "bets", "void_bets"):
            assert row[count] == of_markets[count].sum() == of_days[count].sum()
        assert row["markets"] == (of_markets["bets"] > 0).sum() == of_days["markets"].sum()
        for money in ("turnover", "liability", "gross", "commission", "net"):
            assert row[money] == pytest.approx(of_markets[money].sum(), abs=1e-6)
            assert row[money] == pytest.approx(of_days[money].sum(), abs=1e-6)
        assert row["net"] == pytest.approx(row["gross"] - row["commission"], abs=1e-6)
        if row["turnover"]:
            assert row["roi"] == pytest.approx(row["net"] / row["turnover"], abs=CENT / row["turnover"])
        else:
            assert pd.isna(row["roi"])


@settings(max_examples=60)
@given(orders_lists, rates)
def test_an_account_is_the_sum_of_its_variants_but_for_commission(orders, commission):
    valued_orders = valued(pd.DataFrame(orders)).assign(**OF_STATISTICS)
    frame = settle(valued_orders, MARKETS, commission)
    account = on_one_account(valued_orders, MARKETS, {}, ["a", "b", "c"], commission)
    [row] = account.summary.to_dict("records")
    for name in ("orders", "bets", "void_bets", "turnover", "liability", "gross"):
        assert row[name] == pytest.approx(frame[name].sum(), abs=1e-6) == account.settled[name].sum()
    assert row["net"] == pytest.approx(account.settled["net"].sum(), abs=1e-6)
    for market in account.settled.itertuples():
        alone = frame[frame["market_id"] == market.market_id]
        assert market.gross == pytest.approx(alone["gross"].sum(), abs=1e-6)
        # Losses spare commission, so an account pays no more; a cent may be rounded up.
        assert market.commission <= alone["commission"].sum() + CENT


@settings(max_examples=60)
@given(orders_lists, rates, st.randoms(use_true_random=False))
def test_the_order_of_orders_and_markets_changes_nothing(orders, commission, rng):
    shuffled = rng.sample(orders, len(orders))
    markets = MARKETS.sample(frac=1, random_state=rng.randrange(1000))
    expected = settled_of(orders, commission)
    pd.testing.assert_frame_equal(settle(valued(pd.DataFrame(shuffled)), markets, commission), expected)


@settings(max_examples=60)
@given(orders_lists, rates)
def test_the_curve_ends_at_the_sum_and_goes_by_settlement(orders, commission):
    for _, curve in settled_of(orders, commission).groupby("strategy"):
        assert curve["settled_time"].is_monotonic_increasing
        assert curve["cumulative_gross"].iloc[-1] == pytest.approx(curve["gross"].sum(), abs=1e-6)
        assert curve["cumulative_net"].iloc[-1] == pytest.approx(curve["net"].sum(), abs=1e-6)
        assert list(curve["cumulative_net"].diff().iloc[1:]) == pytest.approx(list(curve["net"].iloc[1:]), abs=1e-6)
