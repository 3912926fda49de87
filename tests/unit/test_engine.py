"""Which engine replays: the lean one only with versions it was proven with."""

from importlib.metadata import version

import pytest

from flows.parameters import BacktestParameters
from tasks.simulation.lean import stream as lean_stream

ARCHIVE = "month.tar"


def test_the_lean_engine_was_proven_with_what_is_installed():
    assert (version("flumine"), version("betfairlightweight")) in lean_stream.PROVEN
    assert [variant.engine for variant in BacktestParameters(archives=[ARCHIVE]).variants] == ["lean"]


def test_with_another_flumine_its_own_engine_replays_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(lean_stream, "PROVEN", frozenset({("3.4.0", "2.25.0")}))
    with caplog.at_level("WARNING", logger="backtest"):
        (variant,) = BacktestParameters(archives=[ARCHIVE]).variants
    assert variant.engine == "flumine"
    assert "using flumine's own" in caplog.text


def test_orders_of_the_two_engines_never_collide():
    lean, theirs = (BacktestParameters(archives=[ARCHIVE], engine=engine).variants for engine in ("lean", "flumine"))
    assert lean[0].id != theirs[0].id


@pytest.mark.parametrize("engine", ["fast", ""])
def test_there_is_no_third(engine):
    with pytest.raises(ValueError, match="lean"):
        BacktestParameters(archives=[ARCHIVE], engine=engine)
