"""From what a user writes to a strategy: names, import paths, parameters; and one line where it is wrong."""

import json
import sys
from datetime import date, timedelta
from decimal import Decimal

import pytest
from flumine import BaseStrategy

from strategies import BackFavourite, RatedPrice
from tasks.errors import StrategyError
from tasks.variants.strategy_class import (
    check_parameters,
    find_strategy,
    parameters_model,
    strategy_maker,
    takes_ratings,
)
from tasks.variants.word import Word

MINE = """
from flumine import BaseStrategy

class Mine(BaseStrategy):
    def __init__(self, stake: float, side: str = "BACK", levels=3, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.stake, self.side, self.levels = stake, side, levels

class Plain(BaseStrategy):
    pass

class Passing(BaseStrategy):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.margin = self.context.get("margin", 0.1)

class Closed(BaseStrategy):
    def __init__(self, stake: int = 2):
        super().__init__(name="mine")
        self.stake = stake

class Rated(BaseStrategy):
    def __init__(self, ratings, edge: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        self.ratings, self.edge = ratings, edge

number = 7

class Stranger:
    pass
"""


@pytest.fixture
def mine(write_module):
    write_module("mine_of_strategy_class", MINE)
    return "mine_of_strategy_class"


def refused(call, *arguments):
    with pytest.raises(StrategyError) as error:
        call(*arguments)
    text = str(error.value)
    assert "\n" not in text
    return text


# Finding it


def test_ours_by_name():
    assert find_strategy("back_favourite") is BackFavourite
    assert find_strategy("rated_price") is RatedPrice


def test_anyones_by_import_path(mine):
    assert issubclass(find_strategy(f"{mine}:Mine"), BaseStrategy)
    assert find_strategy("strategies.rated_price:RatedPrice") is RatedPrice


@pytest.mark.parametrize(
    ("name", "meant"),
    [("back_favorite", "back_favourite"), ("rated-price", "rated_price"), ("RatedPrice", "rated_price")],
)
def test_a_misspelt_name_is_guessed(name, meant):
    text = refused(find_strategy, name)
    assert repr(name) in text
    assert f"did you mean {meant}?" in text


def test_a_name_like_no_other_gets_the_list():
    text = refused(find_strategy, "zzz")
    assert "did you mean" not in text
    for words in ("'zzz'", "back_favourite", "rated_price", "path/to/my.py:MyStrategy"):
        assert words in text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_module:Mine", "cannot import no_such_module"),
        ("mine_of_strategy_class.inner:Mine", "cannot import mine_of_strategy_class.inner"),
        ("mine_of_strategy_class:Yours", "the module mine_of_strategy_class has no Yours"),
        ("mine_of_strategy_class:", "mine_of_strategy_class"),
        ("mine_of_strategy_class:number", "number is not a flumine.BaseStrategy"),
        ("mine_of_strategy_class:Stranger", "Stranger is not a flumine.BaseStrategy"),
    ],
)
@pytest.mark.usefixtures("mine")
def test_import_paths_that_lead_nowhere(path, said):
    assert said in refused(find_strategy, path)


def test_a_module_that_cannot_be_run(write_module):
    write_module("raises_of_strategy_class", "import math\n\nmath.no_such_thing\n\nclass Mine: ...\n")
    text = refused(find_strategy, "raises_of_strategy_class:Mine")
    assert "raised AttributeError: module 'math' has no attribute 'no_such_thing'" in text


def test_a_module_whose_own_import_is_missing(write_module):
    write_module("needs_more_of_strategy_class", "import no_such_library\n")
    assert "no_such_library" in refused(find_strategy, "needs_more_of_strategy_class:Mine")


@pytest.mark.parametrize("source", ["def broken(:\n", "1 / 0\n"])
def test_a_module_that_is_broken(write_module, source):
    write_module("broken_of_strategy_class", source)
    assert "broken_of_strategy_class" in refused(find_strategy, "broken_of_strategy_class:Mine")


@pytest.mark.parametrize("path", [":Mine", ".mine:Mine"])
def test_an_import_path_without_a_module(path):
    assert path in refused(find_strategy, path)


# Its parameters


def test_defaults_are_filled_in_and_text_is_converted():
    assert check_parameters("rated_price", {"stake": "2.5", "staking": "proportional"}) == {
        "staking": "proportional",
        "stake": 2.5,
        "target": 10,
        "max_stake": None,
        "sides": "both",
        "min_edge": 0,
        "min_price": 1.01,
        "max_price": 1000,
        "venues": [],
        "countries": [],
        "seconds_to_start": 60,
        "max_order_exposure": 10_000,
        "max_selection_exposure": 10_000,
    }


def test_a_constructors_arguments_are_parameters(mine):
    checked = check_parameters(f"{mine}:Mine", {"stake": "2", "levels": Word("[1, 2]")})
    assert checked == {"stake": 2.0, "levels": [1, 2]}
    strategy = strategy_maker(f"{mine}:Mine", checked)({})
    assert (strategy.stake, strategy.side, strategy.levels) == (2.0, "BACK", [1, 2])


@pytest.mark.parametrize("name", ["Plain", "Passing"])
def test_flumines_own_arguments_are_parameters_where_they_are_passed_on(mine, name):
    complete = check_parameters(f"{mine}:{name}", {"max_trade_count": "3", "multi_order_trades": "True"})
    strategy = strategy_maker(f"{mine}:{name}", complete)({})
    assert (strategy.max_trade_count, strategy.multi_order_trades) == (3, True)


def test_they_are_not_where_they_are_not(mine):
    text = refused(check_parameters, f"{mine}:Closed", {"max_trade_count": 3})
    assert "max_trade_count" in text
    assert text.endswith("Its parameters are stake")
    assert strategy_maker(f"{mine}:Closed", check_parameters(f"{mine}:Closed", {}))({}).stake == 2


def test_what_the_replay_gives_is_no_parameter(mine):
    for name in ("Mine", "Plain", "Rated"):
        fields = set(parameters_model(find_strategy(f"{mine}:{name}")).model_fields)
        assert not fields & {"self", "args", "kwargs", "streams", "stream", "name", "context", "ratings"}


def test_context_is_flumines_context(mine):
    complete = check_parameters(f"{mine}:Passing", {"context.margin": Word("0.25"), "context.label": Word("late")})
    strategy = strategy_maker(f"{mine}:Passing", complete)({})
    assert strategy.context == {"margin": 0.25, "label": "late"}
    assert strategy.margin == 0.25


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("back_favourite", {"steak": 5}, ["back_favourite: steak", "Its parameters are", "stake", "seconds_to_start"]),
        ("back_favourite", {"stake": "much"}, ["stake", "valid number"]),
        ("back_favourite", {"stake": 0}, ["stake", "greater than 0"]),
        ("back_favourite", {"stake": -1, "seconds_to_start": 0}, ["stake", "seconds_to_start"]),
        ("rated_price", {"staking": "kelly"}, ["staking", "'flat'", "'proportional'"]),
        ("mine_of_strategy_class:Mine", {}, ["stake", "required"]),
        ("mine_of_strategy_class:Mine", {"stake": "much"}, ["stake", "valid number"]),
        ("mine_of_strategy_class:Mine", {"stake": 1, "sides": "LAY"}, ["sides", "side"]),
        ("mine_of_strategy_class:Plain", {"name": "x"}, ["name"]),
    ],
)
@pytest.mark.usefixtures("mine")
def test_parameters_that_cannot_be(name, parameters, said):
    text = refused(check_parameters, name, parameters)
    for words in said:
        assert words in text


def test_context_for_a_strategy_that_takes_none():
    refused(check_parameters, "back_favourite", {"context.x": "1"})


def test_text_for_a_text_parameter_stays_text(mine):
    assert check_parameters(f"{mine}:Mine", {"stake": 1, "side": "007"})["side"] == "007"
    assert check_parameters(f"{mine}:Mine", {"stake": 1, "side": "1"})["side"] == "1"


def test_a_default_that_is_no_json(write_module):
    source = (
        "from flumine import BaseStrategy\n"
        "class Mine(BaseStrategy):\n"
        "    def __init__(self, key=lambda runner: 0, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
    )
    write_module("default_of_strategy_class", source)
    try:
        check_parameters("default_of_strategy_class:Mine", {})
    except StrategyError as error:
        assert "key" in str(error)  # noqa: PT017 - to take it or to refuse it by name are both right


def test_a_strategy_with_something_else_called_parameters(write_module):
    source = (
        "from flumine import BaseStrategy\n"
        "class Mine(BaseStrategy):\n"
        "    Parameters = {'doc': 'what I take'}\n"
        "    def __init__(self, stake: float = 2, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.stake = stake\n"
    )
    write_module("named_of_strategy_class", source)
    complete = check_parameters("named_of_strategy_class:Mine", {"stake": "3"})
    assert strategy_maker("named_of_strategy_class:Mine", complete)({}).stake == 3


def test_a_strategy_that_chooses_flumines_arguments_itself(write_module):
    source = (
        "from flumine import BaseStrategy\n"
        "class Mine(BaseStrategy):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        super().__init__(*args, max_order_exposure=1000, **kwargs)\n"
    )
    write_module("chooser_of_strategy_class", source)
    complete = check_parameters("chooser_of_strategy_class:Mine", {})
    assert strategy_maker("chooser_of_strategy_class:Mine", complete)({}).max_order_exposure == 1000


# Ratings


def test_ratings_are_given_to_who_asks_for_them(mine):
    assert takes_ratings(RatedPrice)
    assert takes_ratings(find_strategy(f"{mine}:Rated"))
    assert not takes_ratings(BackFavourite)
    assert not takes_ratings(find_strategy(f"{mine}:Mine"))
    ratings = {"1.200000001": {11: 2.5}}
    strategy = strategy_maker(f"{mine}:Rated", check_parameters(f"{mine}:Rated", {"edge": "0.2"}))(ratings)
    assert strategy.ratings is ratings
    assert strategy.edge == 0.2


def test_a_subclass_that_passes_ratings_on_takes_ratings(write_module):
    source = (
        "from strategies import RatedPrice\n"
        "class Mine(RatedPrice):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        super().__init__(*args, **kwargs)\n"
    )
    write_module("subclass_of_strategy_class", source)
    assert takes_ratings(find_strategy("subclass_of_strategy_class:Mine"))


UNKNOWN = """
from __future__ import annotations
from typing import TYPE_CHECKING
from flumine import BaseStrategy

if TYPE_CHECKING:
    from elsewhere import Side

class Mine(BaseStrategy):
    def __init__(self, side: Side = None, code: str = "", flag: bool = True, **kwargs):
        super().__init__(**kwargs)
"""

TYPED = """
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Literal
from flumine import BaseStrategy

class Side(Enum):
    BACK = "BACK"
    LAY = "LAY"

class Place(IntEnum):
    FIRST = 1

class Typed(BaseStrategy):
    def __init__(
        self,
        side: Side = Side.BACK,
        sides: list[Side] = (),
        place: Place = Place.FIRST,
        stakes: dict[int, float] | None = None,
        of_venues: dict[str, dict[int, float]] | None = None,
        runners: set[int] = frozenset(),
        venues: frozenset[str] = frozenset(),
        odds: tuple[float, float] = (1.0, 2.0),
        since: date | None = None,
        before: timedelta = timedelta(0),
        stake: Decimal = Decimal(2),
        kind: Literal["a", "b"] = "a",
        anything=None,
        lay=False,
        nested: dict[str, frozenset[str]] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.given = {name: value for name, value in locals().items() if name not in ("self", "kwargs", "__class__")}
"""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("stakes", '{"11": 5}', {11: 5.0}),
        ("stakes", "{11: 5}", {11: 5.0}),
        ("of_venues", "{'Hove': {11: 5}}", {"Hove": {11: 5.0}}),
        ("runners", "[22, 11]", {11, 22}),
        ("venues", "['Hove', 'Crayford']", frozenset({"Hove", "Crayford"})),
        ("odds", "(1.5, 3)", (1.5, 3.0)),
        ("since", "2022-03-01", date(2022, 3, 1)),
        ("before", "PT90S", timedelta(seconds=90)),
        ("stake", "2.5", Decimal("2.5")),
        ("kind", "b", "b"),
        ("anything", "[1, 'x']", [1, "x"]),
    ],
)
def test_a_constructor_is_given_what_its_annotations_say(write_module, name, text, value):
    write_module("typed_of_strategy_class", TYPED)
    checked = json.loads(json.dumps(check_parameters("typed_of_strategy_class:Typed", {name: Word(text)})))
    given = strategy_maker("typed_of_strategy_class:Typed", checked)({}).given[name]
    assert (given, type(given)) == (value, type(value))


def test_a_constructor_is_given_members_of_its_enums(write_module):
    write_module("typed_of_strategy_class", TYPED)
    typed = find_strategy("typed_of_strategy_class:Typed")
    sides, places = (sys.modules[typed.__module__].__dict__[name] for name in ("Side", "Place"))
    parameters = {"side": "LAY", "sides": Word("['LAY', 'BACK']"), "place": Word("1")}
    checked = json.loads(json.dumps(check_parameters("typed_of_strategy_class:Typed", parameters)))
    given = strategy_maker("typed_of_strategy_class:Typed", checked)({}).given
    assert given["side"] is sides.LAY
    assert given["sides"] == [sides.LAY, sides.BACK]
    assert given["place"] is places.FIRST


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("anything", "false", False),
        ("anything", "true", True),
        ("anything", "1.700000010", 1.70000001),
        ("lay", "false", False),
        ("lay", "yes", True),
    ],
)
def test_a_word_may_be_a_number_or_a_truth(write_module, name, word, value):
    write_module("typed_of_strategy_class", TYPED)
    checked = check_parameters("typed_of_strategy_class:Typed", {name: Word(word)})
    assert strategy_maker("typed_of_strategy_class:Typed", checked)({}).given[name] is value or checked == {name: value}


@pytest.mark.parametrize("text", ["1.700000010", "7", "None", "[1]", "true", "late"])
def test_what_is_no_word_is_text(write_module, text):
    write_module("typed_of_strategy_class", TYPED)
    checked = check_parameters("typed_of_strategy_class:Typed", {"anything": text, "context.x": text})
    assert checked == {"anything": text, "context.x": text}


def test_flumines_own_arguments_have_the_types_that_flumine_says(mine):
    checked = check_parameters(f"{mine}:Passing", {"multi_order_trades": Word("false"), "max_trade_count": "3"})
    assert checked == {"multi_order_trades": False, "max_trade_count": 3}


def test_an_annotation_that_cannot_be_evaluated_costs_its_own_argument_alone(write_module):
    write_module("unknown_of_strategy_class", UNKNOWN)
    name = "unknown_of_strategy_class:Mine"
    assert check_parameters(name, {"code": Word("1.10"), "flag": Word("false")}) == {"code": "1.10", "flag": False}
    assert "its annotation Side cannot be evaluated" in refused(check_parameters, name, {"side": "LAY"})


def test_no_instance_is_given_what_another_may_change(write_module):
    write_module("typed_of_strategy_class", TYPED)
    make = strategy_maker("typed_of_strategy_class:Typed", {"runners": [11], "stakes": {"11": 5.0}, "anything": [[1]]})
    first = make({}).given
    first["runners"].add(12)
    first["stakes"][12] = 1.0
    first["anything"][0].append(2)
    second = make({}).given
    assert (second["runners"], second["stakes"], second["anything"]) == ({11}, {11: 5.0}, [[1]])


def test_a_set_is_written_in_one_order(write_module):
    write_module("typed_of_strategy_class", TYPED)
    venues = [f"Track {letter}" for letter in "hgfedcba"]
    checked = check_parameters("typed_of_strategy_class:Typed", {"venues": Word(venues)})
    assert checked["venues"] == sorted(venues)
    nested = check_parameters("typed_of_strategy_class:Typed", {"nested": {"a": venues, "b": venues[:1]}})["nested"]
    assert nested == {"a": sorted(venues), "b": venues[:1]}


@pytest.mark.parametrize("text", ["(1, 2)", "{11: 5}", "{1, 2}"])
def test_what_json_would_change_needs_an_annotation(write_module, text):
    write_module("typed_of_strategy_class", TYPED)
    said = refused(check_parameters, "typed_of_strategy_class:Typed", {"anything": Word(text)})
    assert "are others when they are written down as JSON" in said
    assert "annotation" in said


@pytest.mark.parametrize("text", ["(1, 2)", "{11: 5}"])
def test_what_json_would_change_is_no_context(mine, text):
    said = refused(check_parameters, f"{mine}:Passing", {"context.levels": Word(text)})
    assert "are others when they are written down as JSON" in said


def test_parameters_that_do_not_survive_being_written_down_are_refused(write_module):
    source = """
from flumine import BaseStrategy
from pydantic import BaseModel, Field, field_validator

class Mine(BaseStrategy):
    class Parameters(BaseModel):
        percent: float = 50
        hidden: float = Field(2.0, exclude=True)
        @field_validator("percent")
        @classmethod
        def as_fraction(cls, value): return value / 100
"""
    write_module("percent_of_strategy_class", source)
    for parameters in ({"percent": 50}, {"hidden": 9}):
        assert "are others when they are written down" in refused(
            check_parameters, "percent_of_strategy_class:Mine", parameters
        )
