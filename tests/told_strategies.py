"""Strategies that can be told values of every kind: by a constructor's arguments, and by a model."""

from datetime import date, datetime, time
from typing import Any, Literal

from flumine import BaseStrategy
from pydantic import BaseModel, ConfigDict


class ByArguments(BaseStrategy):
    """What it is told is its constructor's; what has no type may be anything."""

    def __init__(
        self,
        text: str = "",
        number: float = 0.5,
        count: int = 1,
        is_on: bool = False,
        day: date = date(2026, 1, 1),
        at: time = time(12),
        moment: datetime | None = None,
        names: list[str] = (),
        levels: list[float] = (),
        anything=None,
        **flumine,
    ):
        super().__init__(**flumine)
        self.told = (text, number, count, is_on, day, at, moment, names, levels, anything)


class ByModel(BaseStrategy):
    """What it is told is a model's, which may take a text and a number for different things."""

    class Parameters(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

        text: str = "none given"
        label: str | None = "none given"
        number: float | None = 0.5
        is_on: bool = False
        either: int | str = 0
        moment: datetime | None = None
        side: Literal["BACK", "LAY"] = "BACK"
        names: list[str] = ["a", "b"]
        table: dict[str, float] = {}
        anything: Any = None

    def __init__(self, parameters, **flumine):
        super().__init__(**flumine)
        self.told = parameters
