"""What a variant's bets did, each figure against a hand-made example."""

import numpy as np
import pandas as pd
import pytest

from tasks.aggregation.figures import (
    Drawdown,
    average_odds,
    closing_value,
    drawdown,
    find_bets,
    longest_losing_run,
    strike_rate,
)

NOTHING = np.array([])


def floats(*values):
    return np.array(values, dtype=float)


def days(*values):
    return np.datetime64("2026-01-01T00:00:00.000") + (np.array(values) * 86_400_000).astype("timedelta64[ms]")


def test_bets_are_what_was_matched_on_runners_that_ran():
    orders = pd.DataFrame(
        {
            "bet_id": ["won", "void", "unmatched", "unknown"],
            "size_matched": [5.0, 5.0, 0.0, 5.0],
            "runner_status": ["WINNER", "REMOVED", "LOSER", None],
        }
    )
    assert list(find_bets(orders)["bet_id"]) == ["won", "unknown"]


def test_strike_rate_counts_bets_with_a_profit():
    assert strike_rate(floats(8, -5, 0, -5)) == 0.25
    assert np.isnan(strike_rate(NOTHING))


def test_average_odds_are_of_the_money():
    assert average_odds(floats(2, 50), floats(1000, 2)) == pytest.approx(2100 / 1002)
    assert np.isnan(average_odds(NOTHING, NOTHING))


@pytest.mark.parametrize(
    ("net", "settled", "expected"),
    [
        ([], [], (0, 0)),
        ([5, 3], [0, 1], (0, 0)),
        ([10, -4, -3, 2, 5, 1], [0, 1, 2, 3, 4, 5], (7, 4)),  # back at 10 on day 4
        ([10, -4, -3, 2], [0, 1, 2, 6], (7, 6)),  # never back: to the end
        ([-5, 2], [1, 4], (5, 3)),  # from the beginning, which is the first settlement
        ([10, 0, -4, 1, -1, -1], [0, 2, 3, 4, 5, 9], (5, 7)),  # it stood at its peak until day 2
        ([10, -5, 5, -5, 5], [0, 1, 3, 4, 9], (5, 3)),  # of two of one depth, the first
        ([3, -1, 5, -2, -2, 9], [0, 1, 2, 3, 4, 5], (4, 3)),  # the deepest, not the first
    ],
)
def test_drawdown(net, settled, expected):
    fall = drawdown(floats(*net), days(*settled))
    assert fall == Drawdown(pytest.approx(expected[0]), pytest.approx(expected[1]))


def test_a_return_to_the_peak_is_not_missed_for_a_binary_digit():
    assert drawdown(floats(0.3, -0.1, -0.2, 0.1, 0.1, 0.1), days(0, 1, 2, 3, 4, 5)) == (pytest.approx(0.3), 5.0)


@pytest.mark.parametrize(
    ("profit", "longest"),
    [((), 0), ((1,), 0), ((-1,), 1), ((-1, -1, 2, -1), 2), ((1, -1, -1, -1), 3), ((-1, 0, -1), 1)],
)
def test_longest_losing_run(profit, longest):
    assert longest_losing_run(floats(*profit)) == longest


def closing(*bets):
    side, price, stake, bsp, race = zip(*bets, strict=True)
    return closing_value(np.array(side), floats(*price), floats(*stake), floats(*bsp), np.array(race))


def test_a_back_above_and_a_lay_below_the_starting_price_are_worth_as_much():
    for bet in (("BACK", 5.5, 10, 5.0, 0), ("LAY", 4.5, 10, 5.0, 0)):
        value = closing(bet)
        assert (value.bets, value.clv, value.expected_gross) == (1, pytest.approx(0.1), pytest.approx(1))
        assert np.isnan(value.standard_error)


def test_closing_value_is_of_the_money_and_of_runners_with_a_starting_price():
    value = closing(("BACK", 6.0, 30, 5.0, 0), ("LAY", 6.0, 10, 5.0, 1), ("BACK", 9.0, 1000, np.nan, 2))
    assert (value.bets, value.clv) == (2, pytest.approx((30 * 0.2 - 10 * 0.2) / 40))
    assert value.expected_gross == pytest.approx(value.clv * 40)


def test_the_expected_profit_is_that_of_a_fair_draw_at_the_starting_price():
    won, lost = 10 * (6.0 - 1), -10.0
    assert closing(("BACK", 6.0, 10, 5.0, 0)).expected_gross == pytest.approx(0.2 * won + 0.8 * lost)
    assert closing(("LAY", 6.0, 10, 5.0, 0)).expected_gross == pytest.approx(-(0.2 * won + 0.8 * lost))


def test_bets_of_a_race_are_one_observation():
    bets = [("BACK", 5.5, 10, 5.0, 0), ("BACK", 4.5, 10, 5.0, 1), ("BACK", 6.0, 10, 5.0, 2)]
    once, twice = closing(*bets), closing(*bets, *bets)
    assert twice.clv == pytest.approx(once.clv)
    assert twice.standard_error == pytest.approx(once.standard_error)
    assert once.standard_error == pytest.approx(np.std([0.1, -0.1, 0.2], ddof=1) / np.sqrt(3))


def test_no_bet_with_a_starting_price():
    for value in (closing(("BACK", 6.0, 10, np.nan, 0)), closing_value(*[NOTHING] * 4, NOTHING.astype(int))):
        assert value.bets == 0
        assert all(np.isnan(figure) for figure in value[1:])
