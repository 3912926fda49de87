"""The sample's races: what is asked for is drawn, and winners follow the true probabilities."""

import math
from collections import Counter, defaultdict

import pytest

from sample.chance import seeded
from sample.races import MOST_RACES_A_MEETING, draw_month


def test_same_seed_same_month():
    assert draw_month(7) == draw_month(7)
    assert draw_month(7) != draw_month(8)


def test_generators_of_different_parts_are_independent():
    assert seeded(1, "a").random() == seeded(1, "a").random()
    assert len({seeded(*parts).random() for parts in [(1, "a"), (1, "b"), (2, "a")]}) == 3


def test_default_month():
    races = draw_month(2026)
    assert len(races) == 60
    assert len({race.market_id for race in races}) == 60
    assert all(len(race.market_id) == 11 and race.market_id.startswith("1.") for race in races)
    assert {race.market_time.date().isoformat() for race in races} == {"2026-01-01", "2026-01-02", "2026-01-03"}
    assert {(race.track.country_code, race.track.base_rate, len(race.runners)) for race in races} == {
        ("AU", 7.0, 8),
        ("GB", 5.0, 6),
    }
    assert len({race.event_id for race in races}) == 9
    assert all("(SYN)" in race.event_name for race in races)
    selections = [runner.selection_id for race in races for runner in race.runners]
    names = [runner.name for race in races for runner in race.runners]
    assert len(set(selections)) == len(selections) == len(set(names))


def test_unusual_races_are_as_many_as_asked_for_and_apart():
    races = draw_month(3, withdrawn=4, postponed=3, late=2)
    kinds = Counter(
        (race.withdrawal is not None, race.postponed_seconds > 0, race.late_seconds >= 150) for race in races
    )
    assert kinds == {
        (True, False, False): 4,
        (False, True, False): 3,
        (False, False, True): 2,
        (False, False, False): 51,
    }


def test_names_as_the_exchange_writes_them():
    races = draw_month(2026)
    first = next(race for race in races if race.track.country_code == "AU")
    assert first.event_name == "Larkfield (SYN) 1st Jan"
    assert first.name == f"R1 {first.distance}m {first.grade}"
    british = next(race for race in races if race.track.country_code == "GB")
    assert british.name == f"{british.grade} {british.distance}m"
    endings = {race.market_time.day: race.event_name.split()[-2] for race in draw_month(1, races=279, days=31)}
    assert [endings[day] for day in (2, 3, 11, 12, 13, 21, 22, 23, 31)] == (
        ["2nd", "3rd", "11th", "12th", "13th", "21st", "22nd", "23rd", "31st"]
    )


def test_starters_share_out_the_chance_of_a_withdrawn_runner():
    for race in draw_month(5, races=50, withdrawn=20):
        assert math.isclose(sum(runner.win_probability for runner in race.runners), 1)
        assert math.isclose(sum(runner.win_probability for runner in race.starters), 1)
        assert race.winner in {runner.selection_id for runner in race.starters}
        if race.withdrawal:
            assert race.withdrawal.selection_id not in {runner.selection_id for runner in race.starters}


def test_winners_follow_the_true_probabilities():
    expected, won, runs = defaultdict(float), Counter(), Counter()
    for seed in range(50):
        for race in draw_month(seed):
            for runner in race.starters:
                band = int(runner.win_probability * 10)
                expected[band] += runner.win_probability
                won[band] += runner.selection_id == race.winner
                runs[band] += 1
    for band in range(5):
        chance = expected[band] / runs[band]
        error = math.sqrt(chance * (1 - chance) / runs[band])
        assert abs(won[band] / runs[band] - chance) < 4 * error


def test_equal_abilities():
    assert {runner.win_probability for race in draw_month(1, ability_spread=0) for runner in race.runners} == {
        1 / 8,
        1 / 6,
    }


def test_a_month_keeps_to_its_days():
    races = draw_month(1, races=3 * MOST_RACES_A_MEETING, days=1)
    assert {race.market_time.day for race in races} == {1}
    assert {race.off_time.day for race in races} == {1}
    assert draw_month(1, races=0) == []


@pytest.mark.parametrize(("races", "days"), [(3 * MOST_RACES_A_MEETING + 1, 1), (10, 32), (-1, 1)])
def test_what_does_not_fit_is_refused(races, days):
    with pytest.raises(ValueError, match=f"{races} races in {days} days"):
        draw_month(1, races=races, days=days)
