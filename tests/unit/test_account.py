"""Variants on one account: commission on their sum, by hand and in decimals."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from made_money import described, valued

from tasks.aggregation.account import on_one_account, say_account
from tasks.aggregation.commission import Commission
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.statistics import statistics
from tasks.aggregation.summary import by_variant
from tasks.rejects import Reject

EVENING = datetime(2026, 1, 1, 20, tzinfo=UTC)
IDS = ["1.1", "1.2", "1.3"]
MARKETS = described(
    pd.DataFrame(
        {
            "archive": "month",
            "market_id": IDS,
            "event_id": "7",
            "settled_time": [EVENING + timedelta(minutes=n) for n in range(3)],
            "venue": "Larkfield",
            "country_code": "AU",
            "market_base_rate": [5.0, 7.0, 10.0],
            "discount_allowed": [True, True, False],
        }
    )
)


def bet(strategy, market_id, profit, *, selection_id=1, side="BACK", stake=4.0):
    return {
        "bet_id": f"{market_id}-1",
        "strategy_name": strategy,
        "market_id": market_id,
        "selection_id": selection_id,
        "handicap": 0.0,
        "side": side,
        "date_time_placed": pd.Timestamp(EVENING),
        "price_matched": 2.0,
        "size_matched": stake,
        "profit": float(profit),
        "runner_status": "WINNER",
        "bsp": 2.0,
    }


def together(*bets, rejects=None, variants=("a", "b"), commission=None):
    orders = valued(pd.DataFrame(bets))
    return on_one_account(orders, MARKETS, rejects or {}, variants, commission or Commission())


@pytest.mark.parametrize(
    ("profits", "commission", "net"),
    [
        # 10.00 − 4.00 = 6.00, of which 5 % is 0.30; each alone would pay 0.50 and nothing.
        ((10, -4), "0.30", "5.70"),
        # 4.00 − 10.00 is a loss, which pays nothing.
        ((4, -10), "0.00", "-6.00"),
        # 0.09 + 0.09 = 0.18, of which 5 % is 0.009; each alone would pay 0.0045, which is nothing.
        (("0.09", "0.09"), "0.01", "0.17"),
        # 0.11 + 0.11 = 0.22, of which 5 % is 0.011; each alone would pay 0.0055, a cent, and both two.
        (("0.11", "0.11"), "0.01", "0.21"),
    ],
)
def test_commission_is_taken_of_the_sum_in_a_market(profits, commission, net):
    account = together(*(bet(name, "1.1", profit) for name, profit in zip("ab", profits, strict=True)))
    (row,) = account.summary.to_dict("records")
    assert [round(Decimal(row[name]), 2) for name in ("commission", "net")] == [Decimal(commission), Decimal(net)]
    assert row["gross"] == float(sum(map(Decimal, profits)))
    assert (row["bets"], row["markets"], row["turnover"], row["variants"], row["replayed"]) == (2, 1, 8.0, 2, 3)


def test_markets_pay_each_for_itself():
    # 5 % of 6.00, nothing of −3.00, and of 20.00 the whole 10 %, for that market knows no discount: 0.24 + 2.00.
    account = together(
        bet("a", "1.1", 10),
        bet("b", "1.1", -4),
        bet("b", "1.2", -3),
        bet("a", "1.3", 20),
        commission=Commission(None, 20),
    )
    assert account.settled["commission"].tolist() == [0.24, 0.0, 2.0]
    assert account.settled["cumulative_net"].tolist() == [5.76, 2.76, 20.76]
    assert account.summary["net"].tolist() == [20.76]


def test_a_variant_alone_is_its_own_account():
    bets = [bet("a", market_id, profit) for market_id, profit in zip(IDS, (5, -4, 3), strict=True)]
    orders = valued(pd.DataFrame(bets))
    settled = settle(orders, MARKETS, Commission())
    account = together(*bets, variants=["a"])
    pd.testing.assert_frame_equal(account.settled.drop(columns="strategy"), settled.drop(columns="strategy"))
    figures = statistics(Races(orders, settled, MARKETS), ["a"])
    for alone in (by_variant(settled, pd.DataFrame({"strategy": ["a"]})), figures):
        own = account.summary[[column for column in alone if column not in ("strategy", "variants")]]
        pd.testing.assert_frame_equal(own, alone[own.columns], check_dtype=False)
    assert account.notices == []


def test_a_market_that_is_a_reject_of_one_is_in_the_account_for_none():
    rejects = {"b": [Reject("1.1", "runner without a result", "bet 1.1-1 on 1")]}
    account = together(bet("a", "1.1", 10), bet("a", "1.2", 3), bet("b", "1.2", -1, selection_id=2), rejects=rejects)
    assert account.summary[["orders", "gross", "replayed"]].to_dict("records") == [
        {"orders": 2, "gross": 2.0, "replayed": 2}
    ]
    [said] = account.notices
    assert said == (
        "account: 1 of 3 markets are not in its figures, being rejects of a variant: runner without a result "
        "(1.1: bet 1.1-1 on 1)"
    )


def test_each_reason_is_told_with_its_markets_each_once():
    rejects = {
        "a": [Reject("1.1", "no winner", "x"), Reject("1.2", "dead heat", "y")],
        "b": [Reject("1.2", "dead heat", "z"), Reject("1.3", "dead heat"), Reject("1.1", "runner without a result")],
    }
    [said] = together(bet("a", "1.1", 1), rejects=rejects).notices
    assert said == (
        "account: 3 of 3 markets are not in its figures, being rejects of a variant: 2 dead heat (1.2: y); "
        "1 no winner (1.1: x); 1 runner without a result (1.1)"
    )


@pytest.mark.parametrize(
    ("other", "told"),
    [({}, True), ({"selection_id": 2}, False), ({"side": "LAY"}, False)],
    ids=["the same", "another runner", "the other side"],
)
def test_money_that_two_variants_want_is_told(other, told):
    account = together(bet("a", "1.1", 4), bet("b", "1.1", 4, **other), bet("a", "1.2", 4))
    said = "account: 2 bets in 1 market are on the side and runner of another variant's"
    assert [notice.startswith(said) for notice in account.notices] == ([True] if told else [])


def test_no_bets_at_all():
    account = together(bet("a", "1.1", 0, stake=0.0))
    assert account.summary[["orders", "bets", "net"]].to_dict("records") == [{"orders": 1, "bets": 0, "net": 0.0}]
    assert say_account(account.summary.to_dict("records")[0]) == "2 variants on one account: no bets"


def test_one_variant_is_no_plural():
    assert say_account({"variants": 1, "bets": 0}) == "1 variant on one account: no bets"


def test_no_orders_at_all():
    orders = valued(pd.DataFrame([bet("a", "1.1", 0)]))[:0]
    account = on_one_account(orders, MARKETS, {}, ["a", "b"], Commission())
    assert account.summary[["orders", "bets", "net", "replayed"]].to_dict("records") == [
        {"orders": 0, "bets": 0, "net": 0.0, "replayed": 3}
    ]


def test_its_verdict_is_that_of_a_single_thing_that_was_tried():
    row = {"variants": 3, "bets": 9, "net": 5.0, "net_low": 1.0, "net_high": 9.0, "net_noise": 0.0, "winner": True}
    assert say_account(row) == (
        "3 variants on one account: net 5.00 on 9 bets, 95 % interval 1.00 to 9.00: evidence of an edge"
    )
