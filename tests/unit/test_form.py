"""The form that the UI makes of the parameters: what it shows, and what the server refuses before a run begins."""

from collections.abc import Iterator

import pytest
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.backtest import backtest
from strategies import STRATEGIES

SCHEMA = backtest.parameters.model_dump()
FIELDS = SCHEMA["definitions"]["BacktestParameters"]["properties"]


def refuse(**asked: object) -> str:
    with pytest.raises(ValidationError) as refused:
        validate({"parameters": {"archives": ["month.tar"], **asked}}, SCHEMA, raise_on_error=True)
    return str(refused.value)


def described(schema: dict, path: str = "parameters") -> Iterator[tuple[str, str | None]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field.get("description")
        for inner in (field, *field.get("anyOf", ())):
            yield from described(inner, f"{path}.{name}")


def test_what_has_to_be_filled_in_comes_first():
    assert min(FIELDS, key=lambda name: FIELDS[name]["position"]) == "archives"
    assert SCHEMA["definitions"]["BacktestParameters"]["required"] == ["archives"]


def test_every_field_has_one_line_of_help():
    for definition in SCHEMA["definitions"].values():
        for path, text in described(definition):
            assert text, path
            assert "\n" not in text or path.endswith(".strategy"), path


def test_every_field_that_may_be_left_alone_has_its_default_filled_in():
    assert [name for name, field in FIELDS.items() if "default" not in field] == ["archives"]


def test_choices_are_choices_and_dates_are_dates():
    assert FIELDS["engine"]["enum"] == ["lean", "flumine"]
    assert "AUD" in FIELDS["currency"]["enum"]
    days = SCHEMA["definitions"]["MarketFilter"]["properties"]["date_from"]["anyOf"]
    assert {"type": "string", "format": "date"} in days
    choice = SCHEMA["definitions"]["StrategyChoice"]["properties"]
    assert choice["strategy"]["enum"] == list(STRATEGIES)
    assert [form["title"] for form in choice["parameters"]["anyOf"]] == list(STRATEGIES)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"strategy": "rated_prise"}, "'rated_prise' is not one of ['back_favourite', 'rated_price']"),
        ({"strategy": "back_favourite", "parameters": {"staking": "flat"}}, "'staking' was unexpected"),
        (
            {"strategy": "rated_price", "parameters": {"staking": "half"}},
            "'half' is not one of ['flat', 'proportional']",
        ),
        ({"strategy": "rated_price", "parameters": {"stake": 0}}, "0 is less than or equal to"),
        ({}, "'strategy' is a required property"),
    ],
)
def test_a_wrong_strategy_is_refused_with_what_would_be_right(choice, said):
    assert said in refuse(strategies=[choice])


def test_a_strategy_of_ones_own_is_an_import_path():
    assert "does not match" in refuse(own_strategies=[{"strategy": "mine"}])
    asked = {"archives": ["month.tar"], "own_strategies": [{"strategy": "a.b:Mine", "parameters": {"x": 1}}]}
    assert validate({"parameters": asked}, SCHEMA) == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_passes_with_its_defaults(name):
    parameters = STRATEGIES[name].Parameters().model_dump(mode="json")
    asked = {"archives": ["month.tar"], "strategies": [{"strategy": name, "parameters": parameters}]}
    assert validate({"parameters": asked}, SCHEMA) == []
