"""A strategy and its parameters, as the command line, the form and the deployments give them.

In Python a choice is a name and a dictionary. The form's JSON schema also has all names, and the fields of each
strategy's parameters, so that invalid parameters are refused before a run begins.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from strategies import STRATEGIES
from tasks.errors import StrategyError
from tasks.settings import Settings
from tasks.variants.strategy_class import check_parameters, parameters_model, summary_of


def check_allowed(strategy: str) -> None:
    """Check, before importing a strategy, that the import is allowed.

    Args:
        strategy: Its name, file and class, or import path.

    Raises:
        StrategyError: It is the user's own, and only this project's strategies are allowed here.
    """
    if strategy not in STRATEGIES and ":" in strategy and not Settings().own_strategies:
        raise StrategyError(
            f"{strategy}: importing it runs its code, which is not allowed here; start `backtest serve "
            "--own-strategies` if everyone who can start runs may do so"
        )


class _Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    parameters: dict[str, Any] = Field({}, description="Its parameters; those not set have their defaults")

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            check_allowed(self.strategy)
            check_parameters(self.strategy, self.parameters)
        except StrategyError as error:
            raise ValueError(str(error)) from None
        return self


class StrategyChoice(_Choice):
    """A strategy of this project and its parameters."""

    strategy: str = Field(
        description="\n".join(f"- {name}: {summary_of(strategy)}" for name, strategy in STRATEGIES.items())
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the strategies' names, and each one's parameters, to the schema."""
        choice = handler.resolve_ref_schema(handler(schema))
        forms = {
            name: {**handler(parameters_model(strategy).__pydantic_core_schema__), "title": name}
            for name, strategy in STRATEGIES.items()
        }
        properties = choice["properties"]
        properties["strategy"]["enum"] = list(forms)
        del properties["parameters"]["type"], properties["parameters"]["additionalProperties"]
        properties["parameters"]["anyOf"] = [_shown(form) for form in forms.values()]
        # Ignored by the form, but enforced by the server when it validates the input.
        choice["allOf"] = [
            {"if": {"properties": {"strategy": {"const": name}}}, "then": {"properties": {"parameters": form}}}
            for name, form in forms.items()
        ]
        return choice


class OwnStrategyChoice(_Choice):
    """A flumine strategy of the user's own and its parameters."""

    strategy: str = Field(
        pattern=r"^([\w.]+|.+\.py):\w+$",
        description="Its file and class, path/to/my.py:MyStrategy, or module:Class; importing it runs its code. Here "
        "only with `backtest serve --own-strategies`",
    )
    parameters: dict[str, Any] = Field({}, description="Arguments of its constructor; context.x goes into its context")


def _shown(form: JsonSchemaValue) -> JsonSchemaValue:
    """Drop limits, which `allOf` checks by name; `anyOf` would report a violation only as "valid under none"."""
    limits = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    fields = {
        name: {key: value for key, value in field.items() if key not in limits}
        for name, field in form["properties"].items()
    }
    return {**form, "properties": fields}
