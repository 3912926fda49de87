"""A market's history told message by message: what cannot be replayed and settled is refused with its reason."""

from datetime import timedelta

import orjson
import pytest

from tasks.extraction.catalogue import MarketHistory
from tasks.extraction.messages import BadMemberError, Message


def history_of(market, market_id=None):
    history = MarketHistory(market_id or market.id)
    for number, line in enumerate(market.lines, start=1):
        message = orjson.loads(line)
        history.add(Message(market.id, message["pt"], line, message["mc"][0], number))
    return history


def test_a_history_keeps_messages_even_of_a_market_it_refuses(hand_made):
    market = hand_made().tick(100, {"id": 11, "ltp": 2}).define(90).close()
    history = history_of(market)
    assert history.messages == market.lines
    with pytest.raises(BadMemberError, match="no definition at the start"):
        history.describe()


@pytest.mark.parametrize("market_id", ["1.20000001", "1.2000000001", "2.200000001", "200000001", "1.20000000x", ""])
def test_bad_ids(hand_made, market_id):
    with pytest.raises(BadMemberError, match="bad market id"):
        history_of(hand_made(market_id).define(60).close(), market_id).describe()


@pytest.mark.parametrize("status", ["OPEN", "SUSPENDED", "INACTIVE"])
def test_the_last_status_is_told(hand_made, status):
    with pytest.raises(BadMemberError, match=f"never closes.*{status}"):
        history_of(hand_made().define(60, status=status)).describe()


@pytest.mark.parametrize("change", [7, {"id": 11, "trd": 7}, {"id": 11, "trd": [[2.0]]}, {"trd": [[2.0, 1]]}])
def test_runner_changes_that_make_no_sense(hand_made, change):
    market = hand_made().define(60).tick(50, change).close()
    with pytest.raises(BadMemberError, match="bad content"):
        history_of(market).describe()


def test_an_abandoned_meeting_has_its_catalogue(hand_made):
    market = hand_made().define(600)
    for selection_id in (11, 12, 13):
        market.remove(500, selection_id)
    entry = history_of(market.close()).describe()
    assert {runner["status"] for runner in entry.runners} == {"REMOVED"}
    assert entry.market["runners"] == 3


@pytest.mark.parametrize("rate", ["7", "NaN", None, True, -0.1, 100.1])
def test_a_base_rate_that_is_no_percentage(hand_made, rate):
    with pytest.raises(BadMemberError, match="bad base rate") as refused:
        history_of(hand_made().define(60, marketBaseRate=rate).close()).describe()
    assert f"marketBaseRate is {rate!r}, not a number from 0 to 100" in refused.value.detail


@pytest.mark.parametrize("allowed", ["false", None, 1])
def test_a_discount_that_is_neither_allowed_nor_not(hand_made, allowed):
    with pytest.raises(BadMemberError, match="bad discount") as refused:
        history_of(hand_made().define(60, discountAllowed=allowed).close()).describe()
    assert f"discountAllowed is {allowed!r}, not true or false" in refused.value.detail


def test_two_changes_of_a_market_in_one_message_are_one_book_for_flumine(hand_made):
    market = hand_made().define(60)
    history = history_of(market)
    message = orjson.loads(market.tick(50, {"id": 11, "ltp": 4.0}).lines[-1])
    for _ in range(2):
        history.add(Message(market.id, message["pt"], market.lines[-1], message["mc"][0], 2))
    with pytest.raises(BadMemberError, match="two changes in one message"):
        history.describe()


@pytest.mark.parametrize(("winner", "amended"), [(11, False), (12, True)])
def test_a_market_that_is_closed_again_is_amended_where_its_result_is_another(hand_made, winner, amended):
    market = hand_made().define(60).close(winner=11).close(winner=winner)
    entry = history_of(market).describe()
    assert entry.market["amended"] is amended
    assert [row["selection_id"] for row in entry.runners if row["status"] == "WINNER"] == [winner]


def withdrawn(factor):
    return [
        {"id": 11, "status": "WINNER", "sortPriority": 1},
        {"id": 12, "status": "REMOVED", "sortPriority": 2, "adjustmentFactor": factor},
    ]


@pytest.mark.parametrize(
    ("factor", "before", "is_late"),
    [
        (20.0, {"seconds": 30}, False),
        (20.0, {"seconds": -5, "status": "SUSPENDED"}, False),
        (20.0, {"seconds": -5, "inPlay": True}, True),
        (20.0, None, True),
        (2.49, None, False),
        (None, None, False),
    ],
)
def test_a_withdrawal_that_reduces_prices_is_late_once_the_market_is_in_play(hand_made, factor, before, is_late):
    market = hand_made().define(60)
    if before:
        market.define(**before, runners=withdrawn(factor))
    market.define(-60, status="CLOSED", runners=withdrawn(factor))
    assert history_of(market).describe().market["late_withdrawal"] is is_late


def test_a_withdrawal_is_late_in_a_market_that_is_closed_again(hand_made):
    market = hand_made().define(60).close()
    market.define(-90, status="OPEN", runners=withdrawn(20.0)).define(-100, status="CLOSED", runners=withdrawn(20.0))
    assert history_of(market).describe().market["late_withdrawal"]


@pytest.mark.parametrize(("factor", "is_small"), [(20.0, False), (2.49, True), (None, False)])
def test_a_late_withdrawal_with_a_small_factor_is_told_apart(hand_made, factor, is_small):
    market = hand_made().define(60).define(-60, status="CLOSED", runners=withdrawn(factor))
    assert history_of(market).describe().market["late_small_withdrawal"] is is_small


@pytest.mark.parametrize(
    ("announced", "seconds"),
    [([20.0], 40), ([None, 20.0], 30), ([20.0, 20.0], 40), ([None], None), ([], -60)],
)
def test_when_a_withdrawal_with_a_factor_was_announced_first(hand_made, announced, seconds):
    market = hand_made().define(60)
    for at, factor in zip((40, 30), announced, strict=False):
        market.define(at, runners=withdrawn(factor))
    market.define(-60, status="CLOSED", runners=withdrawn(announced[-1] if announced else 20.0))
    first, second = history_of(market).describe().runners
    assert first["withdrawn_at"] is None
    assert second["withdrawn_at"] == (None if seconds is None else market.off - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("announced", "last", "is_corrected"),
    [
        ([20.0], 20.0, False),
        ([None, 20.0], 20.0, False),
        ([20.0], None, False),
        ([10.0, 20.0], 20.0, True),
        ([10.0, 20.0], None, True),
        ([3.0], 1.5, True),
        ([20.0], "back", True),
        ([None], "back", True),
    ],
)
def test_a_withdrawal_that_was_corrected_before_the_off(hand_made, announced, last, is_corrected):
    market = hand_made().define(60)
    for seconds, factor in zip((40, 30), announced, strict=False):
        market.define(seconds, runners=withdrawn(factor))
    if last == "back":
        market.define(10, runners=[{**runner, "status": "ACTIVE"} for runner in withdrawn(None)]).close()
    else:
        market.define(-60, status="CLOSED", runners=withdrawn(last))
    assert history_of(market).describe().market["withdrawal_corrected"] is is_corrected
