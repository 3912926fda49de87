"""Which withdrawals flumine passes over: those that its framework has met in another market."""

import pandas as pd
import pytest
from made_money import described

from tasks.aggregation.withdrawals import concerned, last_withdrawals

NOON = pd.Timestamp("2026-01-01 12:00", tz="UTC")
WIN, PLACE, NEXT_DAY = "1.1", "1.2", "1.3"


def minute(number):
    return NOON + pd.Timedelta(minutes=number)


def markets():
    frame = pd.DataFrame({"market_id": [WIN, PLACE, NEXT_DAY], "event_id": ["7", "7", "8"]})
    return described(frame.assign(market_time=[NOON, NOON, NOON + pd.Timedelta(days=1)], settled_time=NOON))


def gone(*rows):
    """Runners by market, selection, adjustment factor, and the minute at which their withdrawal was announced."""
    found = pd.DataFrame(rows, columns=["market_id", "selection_id", "adjustment_factor", "minute"])
    return found.assign(handicap=0.0, withdrawn_at=[minute(number) for number in found["minute"]])


@pytest.mark.parametrize(
    ("session", "withdrawals", "passed_over"),
    [
        ("market", [(WIN, 1, 5.0, 1), (PLACE, 1, 5.0, 2)], {}),
        ("event", [(WIN, 1, 5.0, 1), (PLACE, 1, 5.0, 2)], {PLACE: 2}),
        ("event", [(WIN, 1, 5.0, 1), (PLACE, 1, 5.0, 1)], {WIN: 1, PLACE: 1}),
        ("event", [(WIN, 1, 5.0, 1), (PLACE, 1, 5.5, 2)], {}),
        ("event", [(WIN, 1, 5.0, 1), (PLACE, 2, 5.0, 2)], {}),
        ("event", [(WIN, 1, 5.0, 1), (NEXT_DAY, 1, 5.0, 1500)], {}),
        ("day", [(WIN, 1, 5.0, 1), (NEXT_DAY, 1, 5.0, 1500)], {}),
        ("run", [(WIN, 1, 5.0, 1), (NEXT_DAY, 1, 5.0, 1500)], {NEXT_DAY: 1500}),
        ("run", [(WIN, 1, 5.0, 1), (WIN, 2, 5.0, 3), (PLACE, 1, 5.0, 2), (PLACE, 2, 5.0, 4)], {PLACE: 4}),
    ],
)
def test_a_withdrawal_is_passed_over_where_another_market_of_the_session_had_it(session, withdrawals, passed_over):
    found = last_withdrawals(markets(), gone(*withdrawals), session)
    assert found["withdrawn_at"].to_dict() == {
        market_id: minute(max(row[3] for row in withdrawals if row[0] == market_id))
        for market_id in {row[0] for row in withdrawals}
    }
    assert found["passed_over_at"].dropna().to_dict() == {id_: minute(at) for id_, at in passed_over.items()}


@pytest.mark.parametrize(
    ("session", "needed"),
    [("market", [PLACE]), ("event", [WIN, PLACE]), ("day", [WIN, PLACE]), ("run", [WIN, PLACE, NEXT_DAY])],
)
def test_bets_are_valued_with_the_other_markets_of_their_session(session, needed):
    orders = pd.DataFrame({"market_id": [PLACE]})
    assert concerned(orders, markets(), session)["market_id"].tolist() == needed
