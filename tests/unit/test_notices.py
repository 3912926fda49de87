"""What is said of a run beside its figures."""

import pandas as pd

from tasks.aggregation.notices import notices
from tasks.simulation.instance_times import InstanceTimes, Took
from tasks.simulation.settings import SimulationSettings
from tasks.simulation.variant import Account, Variant

VOLUMES = pd.DataFrame({"total_matched": [100.0, 0.0]})
SOME_WITHOUT = pd.DataFrame({"total_matched": [100.0, None, None]})
SUMMED = SimulationSettings(calculate_market_tv=True, cumulative_runner_tv=True)
HALF = SimulationSettings(calculate_market_tv=True)


def variant_of(number, name="mine:Mine", settings=SUMMED):
    return Variant(name, {}, "", "all", Account(), "lean", "", f"{number:08d}", settings)


def test_nothing_is_said_where_nothing_is_to_be_known():
    assert notices([variant_of(1)], VOLUMES, {}) == []
    assert notices([variant_of(1, settings=SimulationSettings())], VOLUMES, {}) == []


def test_what_would_be_carried_over_is_said_once_a_strategy():
    first, second, third = variant_of(1), variant_of(2), variant_of(3, "mine:Other")
    [said, other] = notices(
        [first, second, third], VOLUMES, {first.id: ["a", "b"], second.id: ["a", "b"], third.id: "c"}
    )
    assert said.startswith("mine:Mine keeps a, b when a market is over")
    assert "--session event, day or run" in said
    assert other.startswith("mine:Other keeps c ")


def test_markets_without_a_volume_are_counted():
    for settings in (SimulationSettings(), HALF):
        [said] = notices([variant_of(1, settings=settings)], SOME_WITHOUT, {})
        assert said.startswith("market_book.total_matched is 0 in 2 of 3 markets")
        assert "--calculate-market-tv and --cumulative-runner-tv" in said
    assert notices([variant_of(1)], SOME_WITHOUT, {}) == []


def test_of_strategies_that_read_no_volumes_nothing_is_said():
    ours = variant_of(1, "back_favourite", SimulationSettings())
    assert notices([ours], SOME_WITHOUT, {}) == []
    assert notices([ours, variant_of(2, settings=SimulationSettings())], SOME_WITHOUT, {}) != []


def test_instances_that_take_longer_to_make_than_to_replay_are_named():
    slow, slower, quick = variant_of(1), variant_of(2), variant_of(3, "mine:Quick")
    times = InstanceTimes()
    times.add({slow.id: Took(2, 3, 100), quick.id: Took(2, 3, 100)})
    times.add({slow.id: Took(2, 3, 100), slower.id: Took(9, 1, 100)})
    [said] = times.sentences([slow, slower, quick])
    assert said.startswith("mine:Mine: to make and start its instances took 13.0 s, to replay them 7.0 s;")


def test_what_nobody_waits_for_is_not_said():
    for took in (Took(0.9, 0.1, 10), Took(40, 30, 45_000)):
        times = InstanceTimes()
        times.add({variant_of(1).id: took})
        assert list(times.sentences([variant_of(1)])) == []
