"""A field is all that an option needs: its help, its value, its words in a run's command and the form follow."""

import shlex
import subprocess
import sys
from typing import Annotated, Literal

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from flows.command_line.command import command_of
from flows.command_line.options import options_of
from flows.command_line.verb import verb_of
from flows.parameters import BacktestParameters, ExtractParameters
from flows.sweep import SweepParameters
from tasks.errors import InputError
from tasks.option import Option


class Fees(BaseModel):
    """A model that has a field nested in another's."""

    premium_charge: float = Field(0.2, ge=0, description="The exchange's premium charge, as a fraction")
    waived: bool = Field(False, description="Whether it is waived")
    tiers: Annotated[list[str], Option("--tier")] = Field(["basic"], description="Tiers of the account")


class Account(BaseModel):
    """A model with two levels below it."""

    daily_limit: int | None = Field(5000, ge=1, description="Most transactions an hour; none means no limit")
    fees: Fees = Field(Fees(premium_charge=0.4), description="What it costs beside commission")


class Wider(BacktestParameters):
    """A backtest that is asked more."""

    ante_post: bool = Field(True, description="Whether markets of coming days [sic] count")
    surface: Literal["turf", "dirt"] = Field("turf", description="What is run on")
    account: Account = Field(Account(), description="What the account may do")
    patience_seconds: Annotated[float, Option(said="never")] = Field(5, description="How long to wait")


NEW = {
    "ante_post": False,
    "surface": "dirt",
    "account": {"daily_limit": None, "fees": {"premium_charge": 0, "waived": True, "tiers": []}},
}


@pytest.fixture
def line(tmp_path, monkeypatch):
    """A command line of one verb, and what it was asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "month.tar").touch()
    asked = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(verb_of(Wider, asked.append, lambda *_: None))

    def line(*words):
        app([*words], standalone_mode=False)
        return asked.pop()

    line.app = app
    return line


def refused(line, *words):
    with pytest.raises(InputError) as error:
        line("month.tar", *words)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("--ante-post", "Whether markets of coming days [sic] count; default --ante-post"),
        ("--no-ante-post", ""),
        ("--surface", "<turf|dirt> What is run on; default turf"),
        ("--daily-limit", "<int> Most transactions an hour; none means no limit; may be none; default 5000"),
        ("--premium-charge", "<float> The exchange's premium charge, as a fraction; default 0.4"),
        ("--waived", "Whether it is waived; default --no-waived"),
        ("--tier", "<str> Tiers of the account; repeatable; may be none; default basic"),
        ("--patience-seconds", "<float> How long to wait; default 5"),
    ],
)
def test_a_new_field_is_an_option_with_help_and_default(line, words, meaning):
    help_text = " ".join(CliRunner().invoke(line.app, ["--help"]).output.split())
    assert f" {words} " in help_text
    assert meaning in help_text


def test_a_new_field_is_read_wherever_it_is_nested(line):
    words = "month.tar --no-ante-post --surface dirt --daily-limit none --premium-charge 0 --waived --tier none"
    assert line(*words.split()) == Wider(archives=["month.tar"], **NEW)
    assert line("month.tar", "--tier", "a", "--tier", "b").account.fees.tiers == ["a", "b"]


def test_what_is_not_given_has_its_default_that_of_a_nested_model_too(line):
    assert line("month.tar") == Wider(archives=["month.tar"])
    assert line("month.tar", "--waived").account.fees.premium_charge == 0.4


def test_a_new_field_is_in_the_form():
    schema = Wider.model_json_schema()
    assert {"ante_post", "surface", "account", "patience_seconds"} <= set(schema["properties"])
    assert set(schema["$defs"]["Fees"]["properties"]) == {"premium_charge", "waived", "tiers"}
    assert "--tier" not in str(schema), "the command line's words are not the form's"


def test_a_new_field_is_in_the_command_where_it_differs(line):
    assert command_of(Wider(archives=["month.tar"], lake="lake")) == (
        "backtest run month.tar --strategy back_favourite --lake lake"
    )
    asked = Wider(archives=["month.tar"], lake="lake", patience_seconds=9, **NEW)
    said = command_of(asked)
    for words in (
        "--no-ante-post",
        "--surface dirt",
        "--daily-limit none",
        "--premium-charge 0.0",
        "--tier none",
    ):
        assert words in said
    assert "--patience" not in said
    assert line(*shlex.split(said)[2:]) == asked.model_copy(update={"patience_seconds": 5})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--surface sand", "--surface: Input should be 'turf' or 'dirt'"),
        ("--daily-limit many", "--daily-limit: Input should be a valid integer"),
        ("--premium-charge -1", "--premium-charge: Input should be greater than or equal to 0"),
        ("--from yesterday", "--from: Input should be a valid date"),
        ("--workers 0", "--workers: Input should be greater than or equal to 1"),
        ("--window eighty", "window 'eighty': give 80s"),
        ("--strategy back_favourite:stake", "back_favourite:stake"),
        ("--strategy back_favourite:stake=1,2", "--strategy back_favourite:stake=1,2: '2' is not key=value"),
        ("--strategy mine.x.y:", "--strategy: String should match pattern"),
    ],
)
def test_what_is_wrong_gets_one_line_that_names_the_option(line, words, said):
    assert said in refused(line, *words.split())


def test_all_market_types(line):
    assert line("month.tar", "--market-type", "ALL").markets.market_types == []
    assert line("month.tar", "--market-type", "PLACE").markets.market_types == ["PLACE"]
    assert line("month.tar").markets.market_types == ["WIN"]


def test_extract_alone_takes_all_types_unless_some_are_given(tmp_path):
    (tmp_path / "month.tar").touch()
    asked = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(
        verb_of(
            ExtractParameters, lambda parameters: asked.append(parameters.markets.types_that_filter), lambda *_: None
        )
    )
    for words in ([], ["--market-type", "ALL"], ["--market-type", "WIN"], ["--market-type", "PLACE"]):
        app([str(tmp_path / "month.tar"), *words], standalone_mode=False)
    assert asked == [[], [], ["WIN"], ["PLACE"]]


@pytest.mark.parametrize("model", [BacktestParameters, SweepParameters, ExtractParameters, Wider])
def test_no_two_options_share_a_word(model):
    words = [option.word for option in options_of(model)]
    assert len(set(words)) == len(words)


def test_a_sweep_reads_one_strategy_and_its_values(tmp_path):
    (tmp_path / "month.tar").touch()
    asked = []
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(verb_of(SweepParameters, asked.append, lambda *_: None))
    words = [
        "--strategy",
        'back_favourite:max_order_exposure="50"',
        "--set",
        "stake=1,2",
        "--set",
        "seconds_to_start=30",
    ]
    app([str(tmp_path / "month.tar"), *words], standalone_mode=False)
    assert [choice.parameters for choice in asked[0].expanded.strategies] == [
        {"max_order_exposure": "50", "stake": stake, "seconds_to_start": "30"} for stake in ("1", "2")
    ]


def test_help_is_instant():
    source = (
        "import sys; from typer.testing import CliRunner; from flows.command_line.cli import app; "
        "print(CliRunner().invoke(app, ['--help']).output, {'prefect', 'flumine', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert "sweep" in done.stdout
    assert done.stdout.rstrip().endswith("set()")
