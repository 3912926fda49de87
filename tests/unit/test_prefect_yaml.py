"""What is deployed exists, and takes the parameters it is deployed with."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml
from prefect import Flow

FILE = Path(__file__).resolve().parents[2] / "prefect.yaml"
DEPLOYMENTS = {deployment["name"]: deployment for deployment in yaml.safe_load(FILE.read_text())["deployments"]}


def flow_of(deployment):
    module, _, name = deployment["entrypoint"].rpartition(".")
    return getattr(import_module(module), name)


def test_the_whole_each_stage_and_what_runs_of_itself_are_deployed():
    stages = {"extract", "ratings", "simulate", "aggregate"}
    assert set(DEPLOYMENTS) == {"sample", "backtest", "sweep", "monthly", "arrivals", *stages}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_an_entrypoint_is_the_flow_of_its_name(name):
    flow = flow_of(DEPLOYMENTS[name])
    assert isinstance(flow, Flow)
    assert flow.name == name


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_person_is_told_what_it_does(name):
    assert DEPLOYMENTS[name]["description"].endswith(".")
    assert DEPLOYMENTS[name]["tags"]


@pytest.mark.parametrize("name", [name for name in DEPLOYMENTS if "parameters" in DEPLOYMENTS[name]])
def test_the_parameters_are_the_flows(name):
    given = DEPLOYMENTS[name]["parameters"]
    taken = flow_of(DEPLOYMENTS[name]).validate_parameters(given)["parameters"]
    assert [choice.strategy for choice in taken.strategies] == ["rated_price", "back_favourite"]
    assert taken.ratings == "iggy"
    # Those that are wrong would be refused, not ignored.
    with pytest.raises(Exception, match="stratgies"):
        flow_of(DEPLOYMENTS[name]).validate_parameters({"parameters": {**given["parameters"], "stratgies": []}})


def test_monthly_and_arrivals_run_one_profile():
    assert DEPLOYMENTS["monthly"]["parameters"] == DEPLOYMENTS["arrivals"]["parameters"]
