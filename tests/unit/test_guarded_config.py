"""Flumine's settings in a process: those of the run, which no strategy changes."""

from collections.abc import Iterator

import pytest
from flumine import config

from tasks.variants.guarded_config import ChangedConfigError, guard_config, restore_config, take_refusals
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings

SLOW = SimulationSettings(place_latency=2, simulation_available_prices=True)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    guard_config(DEFAULT_SETTINGS)
    take_refusals()


def test_the_settings_are_those_that_were_given_last():
    guard_config(SLOW)
    assert (config.place_latency, config.simulation_available_prices) == (2, True)
    guard_config(SimulationSettings(cancel_latency=1))
    assert (config.place_latency, config.cancel_latency, config.simulation_available_prices) == (0.12, 1, False)


def test_they_stay_where_none_are_given():
    guard_config(SLOW)
    guard_config()
    assert config.place_latency == 2


def test_what_got_past_the_guard_is_undone_to_the_runs():
    guard_config(SLOW)
    vars(config).update(place_latency=0, order_sep="+")
    with pytest.raises(ChangedConfigError, match=r"place_latency|order_sep"):
        restore_config()
    assert (config.place_latency, config.order_sep) == (2, "-")
    restore_config()


def test_what_got_past_the_guard_is_found_after_other_settings_too():
    guard_config(SLOW)
    vars(config).update(order_sep="+")
    guard_config(DEFAULT_SETTINGS)
    with pytest.raises(ChangedConfigError, match="order_sep"):
        restore_config()


def test_to_set_what_the_run_sets_is_fine():
    guard_config(SLOW)
    config.place_latency = 2.0
    with pytest.raises(ChangedConfigError):
        config.place_latency = 0.12


def test_a_refusal_names_the_runs_parameter_where_there_is_one():
    guard_config(SLOW)
    with pytest.raises(ChangedConfigError, match=r"give the run place_latency \(--place-latency\)"):
        config.place_latency = 0.5
    with pytest.raises(ChangedConfigError) as refused:
        config.async_place_orders = True
    told = "flumine.config.async_place_orders, which is every variant's: a strategy cannot set it for itself"
    assert str(refused.value) == told
