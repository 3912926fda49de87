"""The simulation's settings: by default flumine's own, each where flumine takes it."""

import inspect
import runpy
import subprocess
import sys

import pytest
from flumine import config
from flumine.clients import SimulatedClient
from flumine.streams.betfairhistoricalstream import HistoricListener
from pydantic import ValidationError

from tasks.simulation.framework import make_client
from tasks.variants.settings import DEFAULT_SETTINGS, SimulationSettings
from tasks.variants.variant import Account


def defaults_of(function):
    return {name: given.default for name, given in inspect.signature(function).parameters.items()}


def test_defaults_are_flumines_own():
    own = runpy.run_path(config.__file__)
    assert DEFAULT_SETTINGS.config == {name: own[name] for name in DEFAULT_SETTINGS.config}
    client = defaults_of(SimulatedClient)
    assert DEFAULT_SETTINGS.client == {name: client[name] for name in DEFAULT_SETTINGS.client}
    listener = defaults_of(HistoricListener.__mro__[1])
    assert DEFAULT_SETTINGS.listener_kwargs == {name: listener[name] for name in DEFAULT_SETTINGS.listener_kwargs}


def test_each_setting_is_told_flumine_in_one_place():
    places = [*DEFAULT_SETTINGS.config, *DEFAULT_SETTINGS.client, *DEFAULT_SETTINGS.listener_kwargs]
    assert sorted(places) == sorted(SimulationSettings.model_fields)


def test_each_setting_says_what_it_means():
    assert all(field.description for field in SimulationSettings.model_fields.values())


@pytest.mark.parametrize(
    "given",
    [
        {"place_latency": -0.1},
        {"cancel_latency": float("inf")},
        {"update_latency": float("nan")},
        {"transaction_limit": -1},
        {"transaction_limit": 0.5},
        {"simulated_full_match": "perhaps"},
        {"async_place_orders": True},
    ],
)
def test_what_flumine_would_not_take_is_refused_by_name(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        SimulationSettings(**given)


def test_a_client_is_given_its_settings():
    settings = SimulationSettings(transaction_limit=None, min_bet_validation=False)
    client = make_client("v", Account(), settings)
    assert (client.transaction_limit, client.min_bet_validation, client.best_price_execution) == (None, False, True)


def test_they_are_known_without_prefect():
    code = "import sys, tasks.variants.settings; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
