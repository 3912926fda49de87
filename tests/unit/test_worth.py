"""What bets are worth, each computed by hand from the exchange's rule: not from our code, nor flumine's."""

from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest
from made_money import described, not_withdrawn

from tasks.aggregation.worth import AMENDED, DEAD_HEAT, LINES, ROUNDED, value
from tasks.errors import BalanceError

ID = "1.200000001"
SAME = object()
PLACED = pd.Timestamp("2026-01-01 19:50", tz="UTC")
LATE = "prices reduced by a withdrawal after the off"
EACH_WAY = {"market_type": "EACH_WAY", "each_way_divisor": 5.0, "number_of_winners": 2}


def bet(selection, side, size, price, profit, **changed):
    return {
        "bet_id": f"{ID}-1",
        "strategy_name": "a",
        "market_id": ID,
        "selection_id": selection,
        "handicap": 0.0,
        "side": side,
        "price": price,
        "date_time_placed": PLACED,
        "order_type": "LIMIT",
        "size_matched": size,
        "value_matched": size * price,
        "size_voided": 0.0,
        "price_matched": price,
        "profit": profit,
        "runner_status": "WINNER",
        **changed,
    }


def market(**changed):
    opened = pd.Timestamp("2026-01-01 20:00", tz="UTC")
    return described(pd.DataFrame([{"market_id": ID, "settled_time": opened}])).assign(**changed)


def runners(*statuses, handicap=0.0):
    """Runners 1, 2, …, with these statuses in the last definition."""
    return not_withdrawn(
        pd.DataFrame(
            [
                {"market_id": ID, "selection_id": number, "handicap": handicap, "status": status}
                for number, status in enumerate(statuses, start=1)
            ]
        )
    )


def worth(orders, statuses, **changed):
    valued = value(pd.DataFrame(orders), market(**changed), runners(*statuses))
    assert not valued.rejects
    return valued.orders[["profit", "turnover", "liability"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("side", "result", "profit", "liability"),
    [
        ("BACK", "WINNER", 6.0, 4.0),  # 4.00 × (2.5 − 1)
        ("BACK", "LOSER", -4.0, 4.0),
        ("LAY", "WINNER", -6.0, 6.0),
        ("LAY", "LOSER", 4.0, 6.0),
    ],
)
def test_a_plain_bet(side, result, profit, liability):
    other = "LOSER" if result == "WINNER" else "WINNER"
    order = bet(1, side, 4.0, 2.5, profit, runner_status=result)
    assert worth([order], [result, other]) == [[profit, 4.0, liability]]


def test_a_bet_on_a_removed_runner_is_void():
    order = bet(1, "LAY", 4.0, 2.5, 0.0, runner_status="REMOVED")
    assert worth([order], ["REMOVED", "WINNER"]) == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("winners", "side", "profit"),
    [
        (2, "BACK", 5.0),  # half of 10.00 at 3.0 returns 15.00
        (2, "LAY", -5.0),
        (3, "BACK", 0.0),  # a third of 10.00 at 3.0 returns 10.00
        (4, "BACK", -2.5),  # a quarter returns 7.50
    ],
)
def test_a_dead_heat_in_a_win_market_divides_the_stake(winners, side, profit):
    order = bet(1, side, 10.0, 3.0, profit)
    [[made, turnover, _]] = worth([order], ["WINNER"] * winners + ["LOSER"])
    assert (made, turnover) == (profit, 10.0)


def test_a_dead_heat_for_the_last_of_two_places_to_win_is_a_rule_that_flumine_lacks():
    """Three winners of two: two thirds of 9.00 at 3.0 return 18.00."""
    valued = value(
        pd.DataFrame([bet(1, "BACK", 9.0, 3.0, 18.0)]), market(number_of_winners=2), runners(*["WINNER"] * 3)
    )
    assert valued.orders["profit"].tolist() == [9.0]
    assert valued.differences[["rule", "flumine", "settled"]].to_numpy().tolist() == [[DEAD_HEAT, 18.0, 9.0]]


@pytest.mark.parametrize(
    ("result", "back"),
    [
        ("WINNER", 4.8),  # 2.00 × 2 to win, and 2.00 × 2 / 5 for the place
        ("PLACED", -1.2),  # 0.80 less the 2.00 to win
        ("LOSER", -4.0),
    ],
)
def test_an_each_way_bet_is_two_stakes(result, back):
    statuses = {"WINNER": ["WINNER", "PLACED", "PLACED"], "PLACED": ["PLACED", "WINNER", "PLACED"]}.get(
        result, ["LOSER", "WINNER", "PLACED"]
    )
    orders = [bet(1, "BACK", 2.0, 3.0, back), bet(1, "LAY", 2.0, 3.0, -back)]
    changed = {"market_type": "EACH_WAY", "each_way_divisor": 5.0, "number_of_winners": 3}
    assert worth(orders, statuses, **changed) == [[back, 4.0, 4.0], [-back, 4.0, 4.8]]


def test_half_a_cent_goes_where_flumine_lets_it_go():
    """0.57 at 18.5 wins 9.975 exactly."""
    orders = [bet(1, "BACK", 0.57, 18.5, profit) for profit in (9.97, 9.98)]
    assert [row[0] for row in worth(orders, ["WINNER"])] == [9.97, 9.98]


@pytest.mark.parametrize(("profit", "is_settled"), [(9.96, False), (9.99, True), (-0.57, False), (0.0, False)])
def test_what_no_rule_explains_is_a_reject_and_a_cent_is_rounding(profit, is_settled):
    other = bet(1, "BACK", 4.0, 2.5, 6.0, strategy_name="b")
    valued = value(pd.DataFrame([bet(1, "BACK", 0.57, 18.5, profit), other]), market(), runners("WINNER"))
    if is_settled:
        assert not valued.rejects
        assert valued.differences[["rule", "flumine", "settled"]].to_numpy().tolist() == [[ROUNDED, profit, 9.98]]
    else:
        [(strategy, [reject])] = valued.rejects.items()
        assert (strategy, reject.reason) == ("a", "flumine settles it otherwise")
        assert reject.detail.endswith(f"; flumine says {profit:.2f} for 9.98")
    assert valued.orders[["strategy_name", "profit"]].to_numpy().tolist()[-1] == ["b", 6.0]


def test_lines_that_won_are_no_dead_heat():
    """Two lines of a selection have a winner each; flumine divides where one was to win."""
    lines = pd.concat([runners("WINNER", handicap=line) for line in (-0.5, 0.5)], ignore_index=True)
    orders = [bet(1, "BACK", 2.0, 2.0, 0.0, handicap=-0.5)]
    valued = value(pd.DataFrame(orders), market(**ASIAN), lines)
    assert valued.orders["profit"].tolist() == [2.0]
    assert valued.differences["rule"].tolist() == [LINES]


def test_the_last_definition_decides():
    valued = value(
        pd.DataFrame([bet(1, "BACK", 4.0, 2.5, 6.0), bet(2, "BACK", 4.0, 2.5, -4.0, runner_status="LOSER")]),
        market(amended=True),
        runners("LOSER", "WINNER"),
    )
    assert valued.orders["profit"].tolist() == [-4.0, 6.0]
    assert valued.orders["runner_status"].tolist() == ["LOSER", "WINNER"]
    [difference] = valued.differences.to_dict("records")
    assert (difference["rule"], difference["bets"], difference["flumine"], difference["settled"]) == (AMENDED, 2, 2, 2)


@pytest.mark.parametrize(
    ("statuses", "changed", "reason"),
    [
        (["ACTIVE", "WINNER"], {}, "runner without a result"),
        (["HIDDEN", "WINNER"], {}, "runner without a result"),
        (["PLACED", "WINNER"], {}, "runner without a result"),
        ([], {}, "runner without a result"),
        (["WINNER"], {"betting_type": "LINE"}, "line market without a result"),
        (["WINNER"] * 4, {"market_type": "PLACE", "number_of_winners": 3}, "dead heat that the files cannot tell"),
        (["WINNER"] * 2, {"market_type": "MATCH_BET"}, "dead heat that the files cannot tell"),
        (["WINNER"] * 2, {"number_of_winners": 0}, "dead heat that the files cannot tell"),
        (["WINNER"], {"market_type": "EACH_WAY", "number_of_winners": 3}, "no each way divisor"),
        (
            ["WINNER", "WINNER", "LOSER"],
            {"market_type": "EACH_WAY", "number_of_winners": 3, "each_way_divisor": 4.0},
            "dead heat that the files cannot tell",
        ),
        (
            ["WINNER", "PLACED", "PLACED", "PLACED"],
            {"market_type": "EACH_WAY", "number_of_winners": 3, "each_way_divisor": 4.0},
            "dead heat that the files cannot tell",
        ),
        (["LOSER", "LOSER", "REMOVED"], {}, "no winner"),
        (["LOSER", "LOSER", "REMOVED"], {"market_type": "PLACE", "number_of_winners": 2}, "no winner"),
        (["LOSER", "LOSER", "REMOVED"], {"market_type": "OTHER_PLACE", "number_of_winners": 2}, "no winner"),
        (["LOSER", "LOSER", "LOSER", "LOSER"], EACH_WAY, "no winner"),
        (["PLACED", "LOSER", "LOSER", "LOSER"], EACH_WAY, "no winner"),
        (["WINNER", "REMOVED"], {"late_withdrawal": True}, LATE),
        (["LOSER", "WINNER", "REMOVED"], {"late_withdrawal": True}, LATE),
        (["REMOVED", "WINNER"], {"late_withdrawal": True}, LATE),
        (["PLACED", "WINNER", "REMOVED", "LOSER"], {**EACH_WAY, "late_withdrawal": True}, LATE),
        (["LOSER", "WINNER", "REMOVED"], {"withdrawal_corrected": True}, "withdrawal corrected before the off"),
        (["WINNER", "PLACED", "REMOVED"], EACH_WAY, "each way market left with no more runners than places"),
    ],
)
def test_a_market_that_the_files_cannot_settle_is_a_reject_of_who_bet_there(statuses, changed, reason):
    orders = [
        bet(1, "BACK", 2.0, 3.0, 4.0),
        bet(1, "BACK", 0.0, 0.0, 0.0, strategy_name="unmatched", runner_status=None),
    ]
    frame = runners(*statuses) if statuses else runners("WINNER").assign(selection_id=7)
    valued = value(pd.DataFrame(orders), market(**changed), frame)
    assert valued.orders["strategy_name"].tolist() == ["unmatched"]
    [(strategy, [reject])] = valued.rejects.items()
    assert (strategy, reject.what, reject.reason) == ("a", ID, reason)


def test_a_bet_that_flumine_voided_on_a_runner_that_came_back_is_a_reject():
    voided = bet(1, "BACK", 0.0, 0.0, 0.0, size_voided=2.0)
    valued = value(pd.DataFrame([voided]), market(withdrawal_corrected=True), runners("WINNER"))
    assert [reject.reason for reject in valued.rejects["a"]] == ["withdrawal corrected before the off"]


@pytest.mark.parametrize(
    ("changed", "is_settled"), [({}, False), ({"side": "BACK"}, True), ({"order_type": "LIMIT_ON_CLOSE"}, True)]
)
def test_a_small_late_withdrawal_rejects_lays_at_starting_price(changed, is_settled):
    lay = bet(2, "LAY", 2.0, 3.0, 2.0, runner_status="LOSER", order_type="MARKET_ON_CLOSE") | changed
    lay["profit"] = -2.0 if lay["side"] == "BACK" else 2.0
    valued = value(pd.DataFrame([lay]), market(late_small_withdrawal=True), runners("WINNER", "LOSER", "REMOVED"))
    assert bool(valued.rejects) is not is_settled


def gone(minutes, market_id=ID):
    """A winner, a loser, and a runner that was withdrawn this many minutes after the order was placed."""
    frame = runners("WINNER", "LOSER", "REMOVED").assign(market_id=market_id)
    frame.loc[2, ["adjustment_factor", "withdrawn_at"]] = [12.5, PLACED + pd.Timedelta(minutes=minutes)]
    return frame


@pytest.mark.parametrize(
    ("changed", "minutes", "is_settled"),
    [
        ({}, 1, False),
        ({}, 0, False),
        ({}, -1, True),
        ({"order_type": "MARKET_ON_CLOSE"}, 1, True),
        ({"order_type": "LIMIT"}, 1, True),
        ({"side": "BACK", "profit": -2.0}, 1, True),
        ({"size_matched": 0.0, "value_matched": 0.0, "profit": 0.0}, 1, True),
    ],
)
def test_a_limited_lay_at_starting_price_keeps_the_liability_that_a_withdrawal_reduces(changed, minutes, is_settled):
    lay = bet(2, "LAY", 2.0, 3.0, 2.0, runner_status="LOSER", order_type="LIMIT_ON_CLOSE") | changed
    valued = value(pd.DataFrame([lay]), market(), gone(minutes))
    reasons = [reject.reason for of_variant in valued.rejects.values() for reject in of_variant]
    assert reasons == ([] if is_settled else ["limited lay at starting price before a withdrawal"])


@pytest.mark.parametrize(
    ("session", "minutes", "is_settled"), [("market", 2, True), ("event", 2, False), ("event", -1, True)]
)
def test_a_withdrawal_that_flumine_met_in_another_market_reduced_nothing_here(session, minutes, is_settled):
    both = pd.concat([market(), market(market_id="1.2")], ignore_index=True).assign(event_id="7")
    known = pd.concat([gone(minutes - 1, market_id="1.2"), gone(minutes)], ignore_index=True)
    valued = value(pd.DataFrame([bet(1, "BACK", 4.0, 2.5, 6.0)]), both, known, session)
    reasons = [reject.reason for of_variant in valued.rejects.values() for reject in of_variant]
    assert reasons == ([] if is_settled else ["withdrawal that flumine met in another market of the session"])


@pytest.mark.parametrize(
    ("side", "profit", "exact"),
    [("BACK", 2079.0, 2080.0), ("LAY", -2079.0, -2080.0)],
)
def test_parts_matched_at_several_prices_are_worth_their_own(side, profit, exact):
    """500.00 at 4.0 and 200.00 at 3.9: flumine's average is 3.97."""
    valued = value(
        pd.DataFrame([bet(1, side, 700.0, 3.97, profit, value_matched=2780.0)]), market(), runners("WINNER", "LOSER")
    )
    assert valued.orders[["profit", "profit_by_match"]].to_numpy().tolist() == [[profit, exact]]


@pytest.mark.parametrize(("handicap", "is_settled"), [(-0.5, True), (1.0, True), (0.25, False), (-1.75, False)])
def test_a_line_between_halves_is_half_won(handicap, is_settled):
    valued = value(
        pd.DataFrame([bet(1, "BACK", 2.0, 2.0, 2.0, handicap=handicap)]),
        market(betting_type="ASIAN_HANDICAP_DOUBLE_LINE", market_type="ASIAN_HANDICAP"),
        runners("WINNER", "WINNER", handicap=handicap),
    )
    assert bool(valued.rejects) is not is_settled


STAKE, ODDS, DIVISOR = Decimal("7.35"), Decimal("3.85"), Decimal(4)
THREE_PLACES = {"market_type": "EACH_WAY", "each_way_divisor": 4.0, "number_of_winners": 3}
ASIAN = {"market_type": "ASIAN_HANDICAP", "betting_type": "ASIAN_HANDICAP_DOUBLE_LINE"}


@pytest.mark.parametrize(
    ("statuses", "handicap", "changed", "back"),
    [
        (["WINNER", "LOSER"], 0.0, {}, STAKE * (ODDS - 1)),
        (["LOSER", "WINNER"], 0.0, {}, -STAKE),
        (["WINNER", "WINNER"], 0.0, {}, STAKE * ODDS / 2 - STAKE),
        (["WINNER"] * 3, 0.0, {"number_of_winners": 2}, STAKE * ODDS * 2 / 3 - STAKE),
        (["WINNER", "PLACED", "PLACED", "LOSER"], 0.0, THREE_PLACES, STAKE * (ODDS - 1) * (1 + 1 / DIVISOR)),
        (["PLACED", "WINNER", "PLACED", "LOSER"], 0.0, THREE_PLACES, STAKE * (ODDS - 1) / DIVISOR - STAKE),
        (["LOSER", "WINNER", "PLACED", "PLACED"], 0.0, THREE_PLACES, -2 * STAKE),
        (["WINNER", "LOSER"], -1.5, ASIAN, STAKE * (ODDS - 1)),
        (["LOSER", "WINNER"], -1.0, ASIAN, -STAKE),
        (["REMOVED", "REMOVED"], -1.0, ASIAN, Decimal(0)),
    ],
)
def test_the_rule_in_decimals_whatever_flumine_says(statuses, handicap, changed, back):
    """Of a market closed again with another result, flumine knows the first: a bet of no result."""
    orders = [bet(1, side, float(STAKE), float(ODDS), 0.0, handicap=handicap) for side in ("BACK", "LAY")]
    valued = value(pd.DataFrame(orders), market(**changed, amended=True), runners(*statuses, handicap=handicap))
    exact = back.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert [Decimal(str(made)).quantize(Decimal("0.01")) for made in valued.orders["profit"]] == [exact, -exact]


def test_a_market_that_the_catalogue_does_not_know():
    with pytest.raises(BalanceError, match=r"1 markets have orders but are not in the catalogue: 1\.2"):
        value(pd.DataFrame([bet(1, "BACK", 2.0, 3.0, 4.0, market_id="1.2")]), market(), runners("WINNER"))
