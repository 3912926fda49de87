"""What a backtest is asked: one model for the command line, the UI's form and the deployments.

Every field has its default, its unit and one line of help. What a strategy's own parameters are is the strategy's.
"""

import logging
import os
from functools import cached_property, partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.aggregation.settlement import Commission
from tasks.errors import InputError
from tasks.extraction.archive import archive_name, check_exists
from tasks.lake.store import Lake
from tasks.ratings.model import Model, find_model
from tasks.selection import MarketFilter
from tasks.settings import Settings
from tasks.simulation.lean_stream import engine_is_proven
from tasks.simulation.variant import FLUMINE, LEAN, Account, Variant, make_variant
from tasks.simulation.window import DEFAULT_WINDOW, Window

logger = logging.getLogger("backtest")


def _window(text: str) -> str:
    try:
        Window.parse(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    return text


WindowName = Annotated[str, AfterValidator(_window)]


class StrategyChoice(BaseModel):
    """A strategy and what it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str = Field(description="A strategy's name, or module:Class for one of your own")
    parameters: dict[str, Any] = Field({}, description="Its parameters; those not set have their defaults")


class BacktestParameters(BaseModel):
    """What to backtest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archives: list[str] = Field(min_length=1, description="Archives: .tar, .tar.gz, .tar.bz2, .zip, or folders")
    strategies: list[StrategyChoice] = Field(
        [StrategyChoice(strategy="back_favourite")], min_length=1, description="Strategies; each is a variant"
    )
    ratings: str | None = Field(None, description="iggy, kash, or a CSV file of market_id, selection_id, rating")
    markets: MarketFilter = Field(MarketFilter(), description="Which markets of the archives")
    window: WindowName = Field(DEFAULT_WINDOW, description="The part of each market to replay: 80s before the off")
    commission: float | None = Field(
        None, ge=0, lt=1, description="Rate for every market, as a fraction; none takes each market's base rate"
    )
    discount_rate: float = Field(0, ge=0, le=100, description="The account's discount on base rates, per cent")
    engine: Literal["lean", "flumine"] = Field(
        "lean", description="Whose market books strategies see: this project's, or flumine's own, equal and slower"
    )
    currency: str = Field("GBP", description="The account's currency; decides the smallest bet")
    lake: str = Field(default_factory=lambda: Settings().lake, description="Root of the lake: a folder or fsspec URL")
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Processes that extract and replay"
    )
    chunk_bytes: int = Field(2_000_000, ge=1, description="Size of a chunk to aim at, bytes as stored")

    @cached_property
    def opened_lake(self) -> Lake:
        """The lake."""
        return Lake(self.lake)

    @cached_property
    def archive_names(self) -> tuple[str, ...]:
        """What the lake calls the archives.

        Raises:
            InputError: Two of them share a name.
        """
        names = tuple(archive_name(address) for address in self.archives)
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise InputError(f"{len(names)} archives share the name {min(twice)}; the lake needs a name for each")
        return names

    @cached_property
    def ratings_model(self) -> Model | None:
        """The ratings' model.

        Raises:
            RatingsFileError: There is no such file.
        """
        return find_model(self.ratings, Settings().ratings_url) if self.ratings else None

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The variants, each once, in the order in which they were asked for.

        Raises:
            InputError: A strategy, a parameter or the ratings it needs are wrong or missing.
        """
        model = self.ratings_model.name if self.ratings_model else ""
        account = Account(self.currency, self.discount_rate)
        decide = partial(make_variant, ratings=model, window=self.window, account=account, engine=self.proven_engine)
        made = (decide(choice.strategy, choice.parameters) for choice in self.strategies)
        return tuple({variant.id: variant for variant in made}.values())

    @cached_property
    def proven_engine(self) -> str:
        """The engine asked for; flumine's own where the lean one was not proven with the flumine that is installed."""
        if self.engine == LEAN and not engine_is_proven():
            logger.warning("the lean engine was not proven with this flumine; flumine's own replays instead, slower")
            return FLUMINE
        return self.engine

    def check(self) -> None:
        """Check what no single field tells, before any work begins.

        Raises:
            InputError: An archive is missing, or a strategy, a parameter or the ratings it needs are wrong.
        """
        for address in self.archives:
            check_exists(address)
        _ = self.archive_names, self.variants

    @property
    def commission_rate(self) -> Commission:
        """The rate of commission."""
        return Commission(self.commission, self.discount_rate)
