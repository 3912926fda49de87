"""Strategies and their parameters as text: what a person types, and what has to be quoted."""

import pytest

from flows.strategy_text import read_axis, read_strategy, read_values, write_strategy, write_value
from tasks.errors import StrategyError


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("back_favourite", "back_favourite", {}),
        ("rated_price:seconds_to_start=30", "rated_price", {"seconds_to_start": "30"}),
        ("rated_price: staking=flat , stake = 2", "rated_price", {"staking": "flat", "stake": "2"}),
        ("rated_price:venues=Devonport+The Meadows", "rated_price", {"venues": "Devonport+The Meadows"}),
        ("rated_price:venues=", "rated_price", {"venues": ""}),
        ("mine.inner:Mine", "mine.inner:Mine", {}),
        ("mine:Mine:stake=2,context.x=1", "mine:Mine", {"stake": "2", "context.x": "1"}),
        ("mine:Mine:at=12:30,note=a=b", "mine:Mine", {"at": "12:30", "note": "a=b"}),
        ('mine:Mine:note="a:b,c",levels=[1, "x"]', "mine:Mine", {"note": "a:b,c", "levels": [1, "x"]}),
        ('mine:Mine:deep={"a": [null]} ,stake=2', "mine:Mine", {"deep": {"a": [None]}, "stake": "2"}),
        ("mine:Mine:stake=null", "mine:Mine", {"stake": None}),
        ('mine:Mine:stake=="null",note="null"', "mine:Mine", {"stake": "null", "note": "null"}),
        ("mine:Mine:a==5,b= =true", "mine:Mine", {"a": 5, "b": True}),
        ('mine:Mine:"context.a:b=c"=1', "mine:Mine", {"context.a:b=c": "1"}),
        ('mine:Mine:note=it\'s "so"', "mine:Mine", {"note": 'it\'s "so"'}),
        ("mine:", "mine:", {}),
    ],
)
def test_what_a_person_types(text, name, parameters):
    assert read_strategy(text) == (name, parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mine:Mine:stake", "'stake' is not key=value"),
        ("mine:Mine:", "'' is not key=value"),
        ("mine:Mine:stake=1,", "'' is not key=value"),
        ("mine:Mine:stake=1,side", "'side' is not key=value"),
        ("back_favourite:=2", "'=2' is not key=value"),
        ("back_favourite:stake=1,stake=2", "stake is given twice"),
        ("mine:Mine:note=[a,b]", "note: '[a,b]' begins like JSON but is invalid"),
        ('mine:Mine:note="a', "note: '\"a' begins like JSON"),
        ("mine:Mine:note==", "note: '' begins like JSON"),
        ('mine:Mine:note="a" b,stake=1', "note: 'b' follows a JSON value"),
        ('mine:Mine:"note"x=1', "is not key=value"),
    ],
)
def test_what_is_wrong_gets_one_line_that_names_the_parameter(text, said):
    with pytest.raises(StrategyError) as error:
        read_strategy(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("flat", "flat"),
        ("12:30", "12:30"),
        ("a=b", "a=b"),
        ("it's", "it's"),
        ("", ""),
        ("a,b", '"a,b"'),
        (" a", '" a"'),
        ("a\nb", '"a\\nb"'),
        ("=b", '"=b"'),
        ("[a", '"[a"'),
        ("null", '"null"'),
        (None, "null"),
        (5, "=5"),
        (True, "=true"),
        (["Ä", 1], '["Ä", 1]'),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_a_value_is_quoted_where_it_has_to_be(value, text):
    assert write_value(value) == text
    assert read_values("x", text) == [value]


def test_a_strategy_is_written_as_it_is_typed():
    assert write_strategy("back_favourite", {}) == "back_favourite"
    assert write_strategy("mine:Mine", {"stake": "2", "context.a:b": "x"}) == 'mine:Mine:stake=2,"context.a:b"=x'


def test_the_values_of_a_sweep():
    assert read_axis('stake=1, 2,"a,b",null') == ("stake", '1, 2,"a,b",null')
    assert read_values("stake", '1, 2,"a,b",null') == ["1", "2", "a,b", None]
    assert read_values("stake", "5,,6") == ["5", "", "6"]
    assert read_values("venues", '["a", "b"],c+d') == [["a", "b"], "c+d"]
    with pytest.raises(StrategyError, match="'stake' is not key=value"):
        read_axis("stake")
