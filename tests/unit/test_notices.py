"""What is said of a run beside its figures."""

import pandas as pd

from tasks.aggregation.notices import notices
from tasks.rejects import Reject
from tasks.simulation.coverage import Coverage
from tasks.simulation.instance_times import InstanceTimes, Took
from tasks.simulation.settings import SimulationSettings
from tasks.simulation.variant import Account, Variant

VOLUMES = pd.DataFrame({"total_matched": [100.0, 0.0]})
SOME_WITHOUT = pd.DataFrame({"total_matched": [100.0, None, None]})
SUMMED = SimulationSettings(calculate_market_tv=True, cumulative_runner_tv=True)
NOTHING = Coverage([], {}, {}, [], {})
HALF = SimulationSettings(calculate_market_tv=True)


def variant_of(number, name="mine:Mine", settings=SUMMED):
    return Variant(name, {}, "", "all", Account(), "lean", "", f"{number:08d}", settings)


def test_nothing_is_said_where_nothing_is_to_be_known():
    assert notices([variant_of(1)], VOLUMES, NOTHING) == []
    assert notices([variant_of(1, settings=SimulationSettings())], VOLUMES, NOTHING) == []


def test_what_would_be_carried_over_is_said_once_a_strategy():
    first, second, third = variant_of(1), variant_of(2), variant_of(3, "mine:Other")
    carries = {first.id: ["a", "b"], second.id: ["a", "b"], third.id: "c"}
    [said, other] = notices([first, second, third], VOLUMES, NOTHING._replace(carries=carries))
    assert said.startswith("mine:Mine keeps a, b when a market is over")
    assert "--session event, day or run" in said
    assert other.startswith("mine:Other keeps c ")


def test_who_was_not_replayed_on_what_is_said_by_variant():
    first, second = variant_of(1), variant_of(2)
    rejects = [Reject("1.200000001", "flumine cannot replay it", "KeyError: 7"), Reject("1.200000002", "the same")]
    [said] = notices([first, second], VOLUMES, NOTHING._replace(rejects={second.id: rejects}))
    assert said.startswith(f"{second.id} was not replayed on 2 of 2 markets, which are not in its figures: ")
    assert said.endswith("flumine cannot replay it (1.200000001: KeyError: 7)")


def test_markets_without_a_volume_are_counted():
    for settings in (SimulationSettings(), HALF):
        [said] = notices([variant_of(1, settings=settings)], SOME_WITHOUT, NOTHING)
        assert said.startswith("market_book.total_matched is 0 in 2 of 3 markets")
        assert "--calculate-market-tv and --cumulative-runner-tv" in said
    assert notices([variant_of(1)], SOME_WITHOUT, NOTHING) == []


def test_of_strategies_that_read_no_volumes_nothing_is_said():
    ours = variant_of(1, "back_favourite", SimulationSettings())
    assert notices([ours], SOME_WITHOUT, NOTHING) == []
    assert notices([ours, variant_of(2, settings=SimulationSettings())], SOME_WITHOUT, NOTHING) != []


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
