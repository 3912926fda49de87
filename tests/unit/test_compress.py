"""What is compressed, and what compression has to leave behind; that books stay the same is shown case by case."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from sameness import Messages, compare_streams

from tasks.windows.compress import compress_window
from tasks.windows.window import Window

WINDOW = Window.parse("80s")
HandMade = Callable[..., Any]


def messages_of(market: Any) -> Messages:
    return [(orjson.loads(line)["pt"], line) for line in market.lines]


def compressed(market: Any, window: Window = WINDOW) -> list[dict[str, Any]]:
    compare_streams(messages_of(market), window)
    return [orjson.loads(raw)["mc"][0] for _, raw in compress_window(messages_of(market), window)]


def utc(market: Any, seconds: float) -> str:
    return (market.off + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_all_before_the_window_becomes_one_message(hand_made: HandMade):
    market = hand_made().define(500).prices(400, 11, 2.0, 2.1).prices(300, 11, 2.2, 2.3).prices(70, 12, 3, 3.1).close()
    image, *rest = compressed(market)
    assert image["img"]
    assert image["marketDefinition"] == orjson.loads(market.lines[0])["mc"][0]["marketDefinition"]
    assert image["rc"] == [{"id": 11, "atb": [[2.2, 100]], "atl": [[2.3, 100]]}]
    assert [orjson.dumps(change) for change in rest] == [
        orjson.dumps(orjson.loads(line)["mc"][0]) for line in market.lines[3:]
    ]


def test_the_compressed_message_has_the_time_of_the_last_that_is_in_it(hand_made: HandMade):
    market = hand_made().define(500).tick(400).tick(81).tick(80).close()
    times = [time for time, _ in compress_window(messages_of(market), WINDOW)]
    assert times[:2] == [time for time, _ in messages_of(market)][2:4]


def test_a_single_message_stays_byte_for_byte(hand_made: HandMade):
    market = hand_made().define(500).tick(70).close()
    assert [raw for _, raw in compress_window(messages_of(market), WINDOW)] == market.lines


def test_a_delay_closes_the_window_and_what_lies_between_keeps_what_was_cleared(hand_made: HandMade):
    market = hand_made().define(500).tick(90, {"id": 11, "trd": [[2.0, 10], [3.0, 5]], "atb": [[2.0, 1], [1.9, 2]]})
    market.tick(70).define(60, marketTime=utc(market, 600))
    market.tick(50, {"id": 11, "trd": []}).tick(40, {"id": 11, "trd": [[4.0, 1]], "atb": [[2.0, 0]], "atl": [[2.1, 0]]})
    market.tick(30, {"id": 99, "ltp": 4, "tv": 1}).tick(-530).define(-700, status="CLOSED")
    between, named, *_ = compressed(market)[2:]
    assert "img" not in between
    assert between["rc"] == [
        {"id": 11, "trd": []},
        {"id": 11, "trd": [[4.0, 1]], "atb": [[2.0, 0]], "atl": [[2.1, 0]]},
    ]
    # A first naming by prices stays as it is: with summed volumes flumine takes it in its own way.
    assert named["rc"] == [{"id": 99, "ltp": 4, "tv": 1}]


def test_suspensions_are_replayed_whatever_the_time(hand_made: HandMade):
    market = hand_made().define(500).tick(450).define(400, status="SUSPENDED").define(390, status="OPEN").tick(380)
    statuses = [change["marketDefinition"]["status"] for change in compressed(market.tick(70).close())[:3]]
    assert statuses == ["OPEN", "SUSPENDED", "OPEN"]


def test_an_image_wipes_out_what_was_before(hand_made: HandMade):
    market = hand_made().define(500).tick(450, {"id": 11, "atb": [[5, 5]]}, tv=9)
    market.tick(400, {"id": 12, "ltp": 3}, img=True, marketDefinition=market.definition).tick(390, {"id": 12, "tv": 1})
    image = compressed(market.tick(70).close())[0]
    assert image["rc"] == [{"id": 12, "ltp": 3, "tv": 1}]
    assert "tv" not in image


def test_an_image_in_the_window_makes_the_fold_before_it_needless(hand_made: HandMade):
    market = hand_made().define(500).tick(450)
    market.tick(70, {"id": 12, "ltp": 3}, img=True, marketDefinition=market.definition)
    assert compressed(market)[0]["rc"] == [{"id": 12, "ltp": 3}]


def test_runners_stay_in_the_order_in_which_they_were_first_named(hand_made: HandMade):
    market = hand_made().define(500)
    first, second, third = market.definition["runners"]
    market.define(390, runners=[{**third, "hc": 0.0}, first]).tick(70)
    roll_call, last, *_ = compressed(market.close())
    assert [runner["id"] for runner in roll_call["marketDefinition"]["runners"]] == [11, 12, 13]
    assert [runner["id"] for runner in last["marketDefinition"]["runners"]] == [13, 11]
    assert second["id"] == 12


def test_a_runner_that_the_last_definition_leaves_out_keeps_its_own(hand_made: HandMade):
    market = hand_made().define(500).tick(70)
    runners = market.definition["runners"]
    market.define(60, marketTime=utc(market, 600))
    market.define(50, runners=[{**r, "status": "REMOVED"} for r in runners]).define(40, runners=runners[:1])
    compressed(market.tick(-530).define(-700, status="CLOSED"))


def test_a_runner_that_no_definition_of_the_fold_names_keeps_that_from_before(hand_made: HandMade):
    market = hand_made().define(500).tick(70)
    first, _, third = market.definition["runners"]
    market.define(60, marketTime=utc(market, 600), runners=[first, third]).tick(55, {"id": 12, "ltp": 3})
    market.define(50, runners=[first, {**third, "status": "REMOVED"}]).define(40, runners=[first])
    compressed(market.tick(-530).define(-700, status="CLOSED"))


def test_what_was_traded_and_taken_back_still_makes_flumine_sum_the_markets_volume(hand_made: HandMade):
    market = hand_made().define(500).tick(70, {"id": 11, "trd": [[2.0, 10]]}).tick(65, {"id": 98, "trd": [[3.0, 5]]})
    runners = [*market.definition["runners"], {**market.definition["runners"][0], "id": 99}]
    market.define(60, marketTime=utc(market, 600), runners=runners)
    market.tick(50, {"id": 99, "trd": [[4.0, 1]]}).tick(40, {"id": 99, "trd": [[4.0, 0]]}).tick(-530)
    market.define(-700, status="CLOSED")
    compare_streams(messages_of(market), WINDOW, {"calculate_market_tv": True, "cumulative_runner_tv": False})


def test_a_limit_on_in_play_counts_from_the_turn_not_from_the_fold(hand_made: HandMade):
    market = hand_made().define(500).tick(400).define(300, inPlay=True).tick(200).define(190, inPlay=False).tick(180)
    market.define(110, inPlay=True).tick(100).tick(75).tick(45).close()
    for window in ("-80s..60s", "-80s..70s", "-80s..400s", "inplay..60s"):
        compressed(market, Window.parse(window))


def test_a_market_that_is_never_in_the_window_leaves_one_message(hand_made: HandMade):
    market = hand_made().define(500).tick(400).tick(300)
    assert len(list(compress_window(messages_of(market), WINDOW))) == 1
