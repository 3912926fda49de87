"""The settings of flumine's simulation that a run may change; names and defaults are flumine's."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_SECONDS: dict[str, Any] = {"ge": 0, "allow_inf_nan": False}

_CONFIG = frozenset(
    ("place_latency", "cancel_latency", "update_latency", "replace_latency", "simulation_available_prices")
)
_LISTENER = frozenset(("calculate_market_tv", "cumulative_runner_tv"))


class SimulationSettings(BaseModel):
    """Settings of flumine's simulation, the same for all variants of a run; each decides orders.

    Flumine takes a setting in its `config`, as an argument of its client, or of its stream's listener.
    """

    # Defaults are validated too, so that 0 and 0.0 are the same latency and make the same variant.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    place_latency: float = Field(
        0.120, **_SECONDS, description="Seconds until an order is placed; the market's bet delay comes on top"
    )
    cancel_latency: float = Field(0.170, **_SECONDS, description="Seconds until an order is cancelled")
    update_latency: float = Field(0.150, **_SECONDS, description="Seconds until an order's persistence is changed")
    replace_latency: float = Field(
        0.280, **_SECONDS, description="Seconds until an order is replaced; the market's bet delay comes on top"
    )
    simulation_available_prices: bool = Field(
        False, description="Match waiting orders with what others offer as well, not only with what is traded"
    )
    calculate_market_tv: bool = Field(
        False, description="market_book.total_matched, GBP, is summed from what was traded; for official Pro files"
    )
    cumulative_runner_tv: bool = Field(
        False, description="runner.total_matched, GBP, is summed from what was traded; for official Pro files"
    )
    best_price_execution: bool = Field(
        True, description="Match an order at a better price than its own where there is one; false lets it lapse there"
    )
    min_bet_validation: bool = Field(True, description="Orders below the currency's smallest bet are refused")
    simulated_full_match: bool = Field(
        False, description="Each limit order that is placed is matched in full at its own price, at once"
    )
    transaction_limit: int | None = Field(
        5000, ge=0, description="Orders are refused once a clock hour has had more transactions than this; none: never"
    )

    @property
    def config(self) -> dict[str, float | bool]:
        """The settings of `flumine.config`."""
        return self.model_dump(include=set(_CONFIG))

    @property
    def listener_kwargs(self) -> dict[str, bool]:
        """The arguments of the stream's listener."""
        return self.model_dump(include=set(_LISTENER))

    @property
    def client(self) -> dict[str, bool | int | None]:
        """The arguments of flumine's client."""
        return self.model_dump(exclude=set(_CONFIG | _LISTENER))


DEFAULT_SETTINGS = SimulationSettings()
