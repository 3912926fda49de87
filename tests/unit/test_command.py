"""A backtest said as a command: typed into a shell, it asks the same."""

import shlex
import sys

import pytest
import typer

from flows.command_line.command import command_of
from flows.command_line.verb import verb_of
from flows.parameters import BacktestParameters


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """What the command line makes of a command, without doing it."""
    asked = []
    app = typer.Typer(add_completion=False)
    app.command()(verb_of(BacktestParameters, asked.append, lambda *_: None))
    (tmp_path / "mine.py").write_text(
        "from flumine import BaseStrategy\n\n\nclass Mine(BaseStrategy):\n"
        "    def __init__(self, stake=2.0, note='', names: list[str] = (), **kwargs):\n"
        "        super().__init__(**kwargs)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # of the test before
    for name in ("a month.tar", "-a month.tar"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)

    def ask(command: str) -> BacktestParameters:
        program, verb, *words = shlex.split(command)
        assert (program, verb) == ("backtest", "run")
        app(words, standalone_mode=False)
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
        {
            "strategies": [{"strategy": "rated_price", "parameters": {"venues": ["The Meadows", "A+B, C"]}}],
            "ratings": "iggy",
        },
        {"window": "-80s..", "lake": "a lake"},
        {"archives": ["-a month.tar"]},
        {"own_strategies": [{"strategy": "mine:Mine", "parameters": {"stake": 3, "note": "it's mine"}}]},
        {"markets": {"market_types": [], "countries": ["AU", "NZ"], "date_from": "2026-01-02"}},
        {"markets": {"market_types": ["PLACE"], "venues": ["The Meadows"], "date_to": "2026-01-02"}},
        {"markets": {"market_ids": ["1.200806927", "1.200806928"]}},
        {"markets": {"market_ids": ["1.200806927"], "market_types": []}},
        {"own_strategies": [{"strategy": "mine:Mine", "parameters": {"note": "a:b,c=d", "stake": [1, None, "x,y"]}}]},
        {"own_strategies": [{"strategy": "mine:Mine", "parameters": {"note": None, "names": ["a", "b"]}}]},
        {"commission": 0.07, "discount_rate": 20, "currency": "AUD", "engine": "flumine", "chunk_bytes": 1000},
    ],
)
def test_the_command_asks_the_same(parameters, ask):
    asked = BacktestParameters(**{"archives": ["a month.tar"], **parameters})
    again = ask(command_of(asked))
    assert again.model_dump(exclude={"strategies", "own_strategies"}) == asked.model_dump(
        exclude={"strategies", "own_strategies"}
    )
    assert [variant.id for variant in again.variants] == [variant.id for variant in asked.variants]
    assert "\n" not in command_of(asked)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"venues": ["devonport", "the meadows"]}, "--strategy 'rated_price:venues=devonport+the meadows'"),
        ({"venues": "Devonport+The Meadows"}, "--strategy 'rated_price:venues=Devonport+The Meadows'"),
        ({"venues": ["a+b"]}, """--strategy 'rated_price:venues=["a+b"]'"""),
        ({"venues": ["a,b", "c"]}, """--strategy 'rated_price:venues=["a,b", "c"]'"""),
        ({"max_stake": None, "stake": 2}, "--strategy rated_price:max_stake=null,stake=2.0"),
    ],
)
def test_parameters_are_said_as_a_person_would_type_them(parameters, words):
    choice = {"strategy": "rated_price", "parameters": parameters}
    asked = BacktestParameters(archives=["month.tar"], strategies=[choice], ratings="iggy", lake="lake")
    assert command_of(asked) == f"backtest run month.tar {words} --ratings iggy --lake lake"


def test_what_decides_no_figure_is_not_said():
    asked = BacktestParameters(archives=["month.tar"], workers=7, market_seconds=5, worker_megabytes=99, lake="lake")
    assert command_of(asked) == "backtest run month.tar --strategy back_favourite --lake lake"
