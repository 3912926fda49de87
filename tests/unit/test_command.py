"""A backtest said as a command: typed into a shell, it asks the same."""

import shlex
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from flows import cli
from flows.command import command_of
from flows.parameters import BacktestParameters


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """What the command line makes of a command, without doing it."""
    asked = []
    monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(backtest=asked.append))
    (tmp_path / "mine.py").write_text(
        "from flumine import BaseStrategy\n\n\nclass Mine(BaseStrategy):\n"
        "    def __init__(self, stake=2.0, note='', **kwargs):\n        super().__init__(**kwargs)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a month.tar").touch()
    monkeypatch.chdir(tmp_path)

    def ask(command: str) -> BacktestParameters:
        program, *words = shlex.split(command)
        assert program == "backtest"
        # The outcome is for the terminal, which prints None badly.
        CliRunner().invoke(cli.app, words)
        return asked[-1]

    return ask


def test_a_service_that_is_not_the_usual_one_is_named_without_its_user(monkeypatch):
    monkeypatch.setenv("BACKTEST_RATINGS_URL", "http://me:secret@127.0.0.1:9")
    asked = BacktestParameters(archives=["a month.tar"], ratings="kash", lake="a lake")
    assert command_of(asked) == (
        "BACKTEST_RATINGS_URL=http://127.0.0.1:9 backtest run 'a month.tar' --strategy back_favourite "
        "--ratings kash --lake 'a lake'"
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"strategies": [{"strategy": "back_favourite", "parameters": {"stake": 7.5}}]},
        {"split": "2022-03-20"},
        {"strategies": [{"strategy": "rated_price", "parameters": {"max_stake": None}}], "ratings": "iggy"},
        {"window": "-80s..", "lake": "a lake"},
        {"own_strategies": [{"strategy": "mine:Mine", "parameters": {"stake": 3, "note": "it's mine"}}]},
        {"markets": {"market_types": [], "countries": ["AU", "NZ"], "date_from": "2026-01-02"}},
        {"markets": {"market_types": ["PLACE"], "venues": ["The Meadows"], "date_to": "2026-01-02"}},
        {"commission": 0.07, "discount_rate": 20, "currency": "AUD", "engine": "flumine", "chunk_bytes": 1000},
    ],
)
def test_the_command_asks_the_same(parameters, ask):
    asked = BacktestParameters(archives=["a month.tar"], **parameters)
    again = ask(command_of(asked))
    assert again.model_dump(exclude={"strategies", "own_strategies"}) == asked.model_dump(
        exclude={"strategies", "own_strategies"}
    )
    assert [variant.id for variant in again.variants] == [variant.id for variant in asked.variants]
