"""A sweep: a backtest of one strategy with every combination of a grid of its parameters."""

from collections import Counter
from functools import cached_property
from typing import Any, Self

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from flows.backtest import backtest
from flows.backtest_report import BacktestReport
from flows.parameters import BacktestParameters
from flows.strategy_choice import OwnStrategyChoice, StrategyChoice, check_allowed
from flows.strategy_text import read_values, write_value
from strategies import STRATEGIES
from tasks.errors import StrategyError
from tasks.variants.grid import combine
from tasks.variants.strategy_class import check_parameters, find_strategy


class Axis(BaseModel):
    """A parameter and its values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameter: str = Field(description="A parameter of the strategy: seconds_to_start")
    # Text, because in a form a list needs a click per value.
    values: str = Field(description="Its values, comma-separated: 15,30,60; a single one is fixed")

    @property
    def choices(self) -> list[Any]:
        """The parsed values.

        Raises:
            StrategyError: One is invalid JSON.
        """
        return read_values(self.name, self.values)

    @property
    def name(self) -> str:
        """The parameter, stripped of spaces."""
        return self.parameter.strip()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.parameter.strip() or not self.values.strip(" ,"):
            said = f"{self.parameter}={self.values}"
            raise ValueError(f"{said!r} sweeps nothing; give a parameter and its values: seconds_to_start=15,30")
        try:
            _ = self.choices
        except StrategyError as error:
            raise ValueError(str(error)) from None
        return self


class SweepParameters(BacktestParameters):
    """What to sweep: a backtest with one strategy and a grid instead of strategies."""

    strategy: str = Field(
        description=f"{', '.join(STRATEGIES)}, or your own, my.py:MyStrategy; importing it runs its code",
        # For the form; the check below is stricter.
        json_schema_extra={"pattern": rf"^({'|'.join(STRATEGIES)}|[\w.]+:\w+)$"},
    )
    grid: list[Axis] = Field(
        description="Parameters and their values; each combination is a variant", json_schema_extra={"minItems": 1}
    )
    # Replaced by the grid.
    strategies: SkipJsonSchema[list[StrategyChoice]] = Field([], max_length=0)
    own_strategies: SkipJsonSchema[list[OwnStrategyChoice]] = Field([], max_length=0)

    @field_validator("strategy")
    @classmethod
    def _exists(cls, strategy: str) -> str:
        try:
            check_allowed(strategy)
            find_strategy(strategy)
        except StrategyError as error:
            raise ValueError(str(error)) from None
        return strategy

    @model_validator(mode="after")
    def _check_grid(self) -> Self:
        for name, times in Counter(axis.name for axis in self.grid).items():
            if times > 1:
                raise ValueError(f"{name} is given {times} times; give each parameter once, with all its values")
        for parameters in self._combinations:
            try:
                check_parameters(self.strategy, parameters)
            except StrategyError as error:
                raise ValueError(f"{_say(parameters)}: {error}") from None
        return self

    @property
    def _combinations(self) -> list[dict[str, Any]]:
        return combine({axis.name: axis.choices for axis in self.grid})

    @cached_property
    def expanded(self) -> BacktestParameters:
        """The backtest of all combinations."""
        asked = {name: getattr(self, name) for name in BacktestParameters.model_fields}
        kind = "own_strategies" if ":" in self.strategy else "strategies"
        choices = [{"strategy": self.strategy, "parameters": parameters} for parameters in self._combinations]
        return BacktestParameters(**{**asked, kind: choices})

    def check(self) -> None:
        """Check what depends on several fields or on files, before any work begins.

        Raises:
            InputError: An archive is missing, or the ratings that the strategy needs.
        """
        self.expanded.check()


def _say(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{name}={write_value(value)}" for name, value in parameters.items())


@flow(name="sweep", flow_run_name="sweep {parameters.title}", persist_result=False)
def sweep(parameters: SweepParameters) -> BacktestReport:
    """Backtest a strategy with every combination of a grid of its parameters, in one replay.

    Args:
        parameters: What to sweep.

    Returns:
        Each stage's counts and each variant's figures.

    Raises:
        InputError: A parameter is wrong; nothing was done.
        StageError: A stage finished incompletely; finished work is kept.
    """
    return backtest(parameters.expanded)
