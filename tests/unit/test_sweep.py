"""What a sweep is asked and what it becomes: a backtest of every combination. The form that the UI makes of it."""

import pytest
from prefect.utilities.schema_tools.validation import ValidationError as Refused
from prefect.utilities.schema_tools.validation import validate
from pydantic import ValidationError

from flows.sweep import SweepParameters, sweep
from tasks.errors import InputError

SCHEMA = sweep.parameters.model_dump()
DEFINITIONS = SCHEMA["definitions"]
FIELDS = DEFINITIONS["SweepParameters"]["properties"]

THEIRS = '''
from flumine import BaseStrategy

class Mine(BaseStrategy):
    """Has to be told its stake."""

    def __init__(self, stake: float, label: str = "", **kwargs):
        super().__init__(**kwargs)
'''


def axes(grid):
    return [{"parameter": name, "values": values} for name, values in grid.items()]


def swept(grid, strategy="rated_price", **asked):
    return SweepParameters(archives=["month.tar"], strategy=strategy, grid=axes(grid), **asked)


def told(grid, strategy="rated_price"):
    return [choice.parameters for choice in swept(grid, strategy).expanded.strategies]


def refused(grid, strategy="rated_price", **asked):
    with pytest.raises(ValidationError) as error:
        swept(grid, strategy, **asked)
    [problem] = error.value.errors()
    assert "\n" not in problem["msg"]
    return problem["msg"]


def test_every_combination_is_a_strategy_of_the_backtest():
    assert told({"seconds_to_start": "15,30", "staking": "flat, proportional"}) == [
        {"seconds_to_start": "15", "staking": "flat"},
        {"seconds_to_start": "15", "staking": "proportional"},
        {"seconds_to_start": "30", "staking": "flat"},
        {"seconds_to_start": "30", "staking": "proportional"},
    ]


def test_a_single_value_is_the_same_throughout():
    assert told({"stake": "2", "min_edge": "0,0.1"}) == [
        {"stake": "2", "min_edge": "0"},
        {"stake": "2", "min_edge": "0.1"},
    ]


def test_names_are_joined_by_plus_and_an_empty_value_means_all():
    assert told({"venues": ",Devonport+The Meadows"}) == [{"venues": ""}, {"venues": "Devonport+The Meadows"}]


def test_values_that_hold_commas_are_quoted():
    assert told({"venues": '"A, B",["C", "D"]'}) == [{"venues": "A, B"}, {"venues": ["C", "D"]}]


def test_none_is_a_value():
    assert told({"max_stake": "null,5"}) == [{"max_stake": None}, {"max_stake": "5"}]


def test_values_that_are_the_same_make_one_variant(tmp_path):
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("market_id,selection_id,rating\n1.200000001,11,3.0\n")
    variants = swept({"stake": "5,5.0,6", "min_edge": "0"}, ratings=str(predictions)).expanded.variants
    assert [variant.parameters["stake"] for variant in variants] == [5, 6]


def test_variants_that_would_have_one_id_are_refused(monkeypatch):
    """Of ten thousand, two have eight digits of their fingerprints in common once in a hundred sweeps."""
    monkeypatch.setattr("tasks.variants.variant._DIGITS", 1)
    stakes = ",".join(map(str, range(2, 19)))
    with pytest.raises(
        InputError, match=r"back_favourite:stake=\d+\.0 and back_favourite:stake=\d+\.0 would both have"
    ):
        _ = swept({"stake": stakes}, "back_favourite").expanded.variants


def test_all_else_is_the_backtests():
    asked = {"ratings": "iggy", "window": "120s", "commission": 0.07, "currency": "AUD", "chunk_bytes": 5, "workers": 1}
    parameters = swept({"stake": "1,2"}, markets={"venues": ["Devonport"]}, **asked)
    expanded = parameters.expanded
    assert {name: getattr(expanded, name) for name in asked} == asked
    assert (expanded.archives, expanded.markets.venues) == (["month.tar"], ["Devonport"])
    assert parameters.title == expanded.title


def test_a_strategy_of_ones_own_is_swept_even_where_it_has_no_default(write_module):
    write_module("mine_of_sweep", THEIRS)
    expanded = swept({"stake": "1,2", "label": "a"}, "mine_of_sweep:Mine").expanded
    assert expanded.strategies == []
    assert [choice.parameters for choice in expanded.own_strategies] == [
        {"stake": "1", "label": "a"},
        {"stake": "2", "label": "a"},
    ]


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ({"stak": "5,6"}, ["stak=5", "stak:", "Its parameters are", "stake"]),
        ({"staking": "flat,half"}, ["staking=half", "'flat' or 'proportional'"]),
        ({"stake": "5,x"}, ["stake=x", "valid number"]),
        ({"stake": "5,,6"}, ["stake=", "valid number"]),
        ({"stake": "5,-1"}, ["stake=-1", "greater than 0"]),
        ({"min_price": "1.5,4", "max_price": "3,8"}, ["min_price=4, max_price=3", "below min_price 4"]),
        ({"stake": " "}, ["stake=", "sweeps nothing", "values: seconds_to_start=15,30"]),
        ({"stake": " , "}, ["stake=", "sweeps nothing"]),
        ({"": "1,2"}, ["=1,2", "give a parameter"]),
        ({"stake": "1,[2"}, ["stake: '[2' begins like JSON"]),
        ({"stake": "1,2", " stake": "3"}, ["stake is given 2 times", "once, with all its values"]),
    ],
)
def test_a_wrong_grid_gets_one_line(grid, said):
    text = refused(grid)
    for words in said:
        assert words in text


def test_a_wrong_strategy_gets_one_line():
    assert "did you mean rated_price?" in refused({"stake": "1,2"}, "rated_prise")
    assert "cannot import no_such_module" in refused({"stake": "1,2"}, "no_such_module:Mine")


def test_strategies_are_not_given_beside_the_grid():
    assert refused({"stake": "1,2"}, strategies=[{"strategy": "back_favourite"}])


def test_the_form_asks_for_archives_strategy_and_grid_first():
    assert sorted(FIELDS, key=lambda name: FIELDS[name]["position"])[:3] == ["archives", "strategy", "grid"]
    assert not {"strategies", "own_strategies"} & set(FIELDS)


def test_an_axis_is_two_texts():
    axis = DEFINITIONS["Axis"]
    assert axis["type"] == "object"
    assert {name: field["type"] for name, field in axis["properties"].items()} == {
        "parameter": "string",
        "values": "string",
    }
    assert axis["required"] == ["parameter", "values"]


def test_every_field_has_one_line_of_help():
    for name, field in {**FIELDS, **DEFINITIONS["Axis"]["properties"]}.items():
        assert field["description"], name
        assert "\n" not in field["description"], name


def test_the_form_takes_what_the_command_line_takes():
    asked = swept({"stake": "1,2"}).model_dump(mode="json", exclude={"strategies", "own_strategies"})
    assert validate({"parameters": asked}, SCHEMA) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strategy": "rated_prise"}, "back_favourite|rated_price|"),
        ({"grid": []}, "[]"),
        ({"grid": [{"parameter": "stake"}]}, "'values' is a required property"),
        ({"strategies": [{"strategy": "back_favourite"}]}, "'strategies' was unexpected"),
    ],
)
def test_the_form_refuses_before_a_run_begins(wrong, said):
    asked = {"archives": ["month.tar"], "strategy": "rated_price", "grid": axes({"stake": "1,2"}), **wrong}
    with pytest.raises(Refused) as error:
        validate({"parameters": asked}, SCHEMA, raise_on_error=True)
    assert said in str(error.value)
