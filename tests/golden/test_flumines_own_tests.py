"""Flumine's own integration tests on our engine: its markets, its strategies, every profit and count that it asserts.

They come with flumine's source, which `make test` fetches; nothing of it is kept here.
"""

import sys
import tarfile
import unittest
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import orjson
import pytest
from betfairlightweight.resources import MarketCatalogue
from flumine.events.events import MarketCatalogueEvent
from flumine.markets.market import Market
from flumine.markets.middleware import Middleware
from stand_in_framework import StandInFramework

NAME = f"flumine-{version('flumine')}"
SOURCE = Path(sys.prefix) / "source" / f"{NAME}.tar.gz"  # where the Makefile puts it

WITHIN_A_MARKET = [
    "test_simulation_gzipped",
    "test_simulation_basic",
    "test_simulation_pro",
    "test_simulation_multi_clients",
    "test_event_processing",  # whose streams are of no group: flumine plays them one after the other
]
ACROSS_MARKETS = ["test_market_catalogues"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not SOURCE.exists():
        pytest.skip(f"the source of {NAME}, which has its tests, is not in the virtualenv: `make test` fetches it")
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(SOURCE) as tar:
        tar.extractall(folder, filter="data")
    return folder / NAME


@pytest.fixture
def flumines(source: Path, monkeypatch: pytest.MonkeyPatch) -> type[unittest.TestCase]:
    """Flumine's test case, on our engine."""
    # An example of flumine's repository, which its source does not come with.
    example = ModuleType("examples.middleware.marketcatalogue")
    example.MarketCatalogueMiddleware = Catalogues
    for name in ("examples", "examples.middleware"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, example.__name__, example)
    monkeypatch.chdir(source)
    spec = spec_from_file_location("flumines_integration_tests", source / "tests" / "test_integration.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FlumineSimulation = StandInFramework
    module.config = SimpleNamespace()  # our engine sets flumine's settings, and guards them
    return module.IntegrationTest


@pytest.mark.parametrize("name", WITHIN_A_MARKET)
def test_holds_on_our_engine(flumines: type[unittest.TestCase], name: str):
    flumines(name).debug()


def test_but_what_a_strategy_keeps_from_one_market_to_the_next_is_lost(flumines: type[unittest.TestCase]):
    """Flumine plays them one after the other, which no session does: each market meets a fresh instance."""
    (name,) = ACROSS_MARKETS
    with pytest.raises(AssertionError, match=r"\['1.197931751'\] != \['1.197931750', '1.197931751'\]"):
        flumines(name).debug()


def test_no_other_test_of_flumine_is_left_out(flumines: type[unittest.TestCase]):
    assert set(unittest.defaultTestLoader.getTestCaseNames(flumines)) == {*WITHIN_A_MARKET, *ACROSS_MARKETS}


class Catalogues(Middleware):
    """Gives markets their catalogues."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def __call__(self, market: Market) -> None:
        """Nothing comes with a book."""

    def add_market(self, market: Market) -> None:
        catalogue = MarketCatalogue(**orjson.loads((self._folder / f"{market.market_id}.json").read_bytes()))
        market.flumine._process_market_catalogues(MarketCatalogueEvent([catalogue]))
