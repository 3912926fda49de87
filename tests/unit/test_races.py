"""What one race decides, and that its draws depend on nothing but the races."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from tasks.aggregation.races import number_races, seed_of

OFF = datetime(2026, 1, 1, 20, tzinfo=UTC)


def seed(markets: pd.DataFrame) -> int:
    return seed_of(markets, number_races(markets))


def market(market_id, *minutes, event_id="1", type_="WIN"):
    announced = [OFF + timedelta(minutes=minute) for minute in minutes or (0,)]
    return {"market_id": market_id, "event_id": event_id, "market_type": type_, "announced": announced}


def races_of(*markets):
    races = number_races(pd.DataFrame(markets))
    pd.testing.assert_series_equal(number_races(pd.DataFrame(markets[::-1]))[races.index], races)
    return races


def test_markets_of_one_event_and_off_are_one_race():
    races = races_of(
        market("win"),
        market("later", 18),
        market("elsewhere", event_id="2"),
        market("place", type_="PLACE"),
        market("exacta", type_="EXACTA"),
    )
    assert races["win"] == races["place"] == races["exacta"]
    assert sorted(races[["win", "later", "elsewhere"]]) == [0, 1, 2]


def test_an_off_that_moved_for_one_of_them_alone_makes_no_second_race():
    races = races_of(market("win", 0, 2), market("place", type_="PLACE"))
    assert races["win"] == races["place"]


def test_one_that_came_when_the_off_had_moved_is_of_the_race():
    races = races_of(market("win", 0, 2), market("place", 2, type_="PLACE"), market("next", 15))
    assert races["win"] == races["place"] != races["next"]


def test_each_race_of_a_meeting_that_runs_late_is_its_own():
    """The third starts when the fourth was to start, and so on to the last."""
    late = [market(f"{type_} {n}", 15 * n, 15 * n + 15, type_=type_) for n in range(5) for type_ in ("WIN", "PLACE")]
    races = races_of(*late)
    assert races.nunique() == 5
    assert all(races[f"WIN {n}"] == races[f"PLACE {n}"] for n in range(5))


def test_markets_of_one_type_that_began_with_one_off_are_one_race():
    races = races_of(market("goals", type_="TOTALS"), market("corners", type_="TOTALS"))
    assert races["goals"] == races["corners"]


def test_the_draws_depend_on_the_races_and_not_on_which_of_their_markets_are_looked_at():
    win = pd.DataFrame([market("a", 0, 2), market("b", 18)])
    both = pd.DataFrame([market("a", 0, 2), market("b", 18), market("c", 0, type_="PLACE"), market("d", 2, type_="EW")])
    assert seed(win) == seed(both)
    assert seed(win) != seed(pd.DataFrame([market("a", 0, 2), market("b", 18), market("c", 30)]))


def test_the_draws_depend_on_the_races_and_not_on_their_order():
    markets = pd.DataFrame([market("a"), market("b", 18)])
    assert seed(markets) == seed(markets[::-1]) == seed(markets.assign(archive="another"))
    assert seed(markets) != seed(markets[:1])
