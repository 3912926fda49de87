"""A backtest's parameters: one model for the command line, the UI's form and the deployments.

Every field has a default, a unit and one line of help. Each strategy defines its own parameters.
"""

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property, partial
from typing import Annotated, Any, Literal

from betfairlightweight.metadata import currency_parameters
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from flows.strategy_choice import OwnStrategyChoice, StrategyChoice
from tasks.addresses import check_address, shown
from tasks.aggregation.commission import Commission
from tasks.aggregation.folds import check_split, split_markets
from tasks.archives.archive import archive_name, check_exists
from tasks.archives.identity import find_archive
from tasks.archives.manifest import find_manifest
from tasks.archives.market_filter import MarketFilter
from tasks.errors import InputError, LakeError, NotExtractedError
from tasks.lake.store import Lake
from tasks.machine import cores, memory_megabytes
from tasks.option import Option
from tasks.orders.limits import Limits
from tasks.ratings.source import RatingsSource, find_source
from tasks.settings import Settings
from tasks.simulation.lean import engine_is_proven
from tasks.variants.settings import SimulationSettings
from tasks.variants.variant import FLUMINE, LEAN, Account, Variant, make_variant, unseen
from tasks.windows.window import DEFAULT_WINDOW, Window

logger = logging.getLogger("backtest")


def _window(text: str) -> str:
    try:
        Window.parse(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    return text


def _split(text: str) -> str:
    try:
        return check_split(text)
    except InputError as error:
        raise ValueError(str(error)) from None


def _currency(text: str) -> str:
    if text not in currency_parameters:
        raise ValueError(f"currency {text!r}: give one of {', '.join(currency_parameters)}")
    return text


def _executor(text: str) -> str:
    if not _EXECUTOR.fullmatch(text):
        raise ValueError("executor: give local, dask, dask://host:port or tls://host:port")
    settings = Settings()
    if "://" in text and text != settings.executor and not settings.own_strategies:
        raise ValueError(
            f"executor {text}: a cluster's answers run code here, which is not allowed; start `backtest serve` with "
            f"BACKTEST_EXECUTOR={text}"
        )
    return text


def _address(text: str, *, takes_query: bool = False) -> str:
    try:
        return check_address(text, takes_query=takes_query)
    except InputError as error:
        raise ValueError(str(error)) from None


LOCAL = "local"

_EXECUTOR = re.compile(rf"{LOCAL}|dask|(dask|tls)://[\w.:\[\]-]+:\d+")

# A core's share of four fifths of the memory; the rest is for the system, the server and the parent process.
_MEGABYTES_EACH = round(0.8 * memory_megabytes() / cores())

Address = Annotated[str, AfterValidator(_address)]
# As JSON without its query, because Prefect and the lake store a run's parameters as JSON.
RatingsAddress = Annotated[
    str, AfterValidator(partial(_address, takes_query=True)), PlainSerializer(shown, when_used="json")
]
WindowName = Annotated[str, AfterValidator(_window)]
Split = Annotated[str, AfterValidator(_split)]
Currency = Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"enum": list(currency_parameters)})]


def _in_order(schema: dict[str, Any]) -> None:
    """Number the form's fields, required ones first."""
    required = schema.get("required", ())
    properties = schema["properties"]
    for position, name in enumerate(sorted(properties, key=lambda name: name not in required)):
        properties[name]["position"] = position


class Profile(BaseModel):
    """A backtest's parameters except its archives."""

    # Defaults are validated too, so that 0 and 0.0 are the same discount and make the same variant; errors hide the
    # input, which may contain a password.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        json_schema_extra=_in_order,
    )

    strategies: list[StrategyChoice] = Field(
        [StrategyChoice(strategy="back_favourite")], description="Strategies of this project; each is a variant"
    )
    own_strategies: list[OwnStrategyChoice] = Field([], description="Strategies of your own; each is a variant")
    ratings: RatingsAddress | None = Field(
        None, description="iggy, kash, or a CSV file of market_id, selection_id, rating"
    )
    markets: MarketFilter = Field(MarketFilter(), description="Which markets of the archives")
    window: WindowName = Field(DEFAULT_WINDOW, description="The part of each market to replay: 80s before the off")
    session: Literal["market", "event", "day", "run"] = Field(
        "market",
        description="The markets that one instance of a strategy sees, side by side in time: one, or those of an "
        "event, a day (at the track) or the run; a run is split among workers by variants only",
    )
    simulation: SimulationSettings = Field(SimulationSettings(), description="What flumine's simulation assumes")
    commission: float | None = Field(
        None, ge=0, lt=1, description="Rate for every market, as a fraction; none means each market's base rate"
    )
    discount_rate: Annotated[float, Option("--discount")] = Field(
        0, ge=0, le=100, description="The account's discount on base rates, per cent"
    )
    engine: Literal["lean", "flumine"] = Field(
        "lean", description="The market books strategies see: this project's, or flumine's own, equal but slower"
    )
    currency: Currency = Field("GBP", description="The account's currency; determines the smallest bet")
    min_stake: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Smallest size of a bet, in the account's currency; none means betfairlightweight's current one",
    )
    together: bool = Field(
        False, description="Also show all variants on one account: commission is taken on their sum per market"
    )
    lake: Annotated[Address, Option(said="always")] = Field(
        Settings().lake, description="Root of the lake: a folder or fsspec URL"
    )
    executor: Annotated[str, AfterValidator(_executor), Option(said="never")] = Field(
        Settings().executor,
        description="Where markets are extracted and replayed: local, the Dask cluster at dask://host:port or "
        "tls://host:port, or dask, one started for the run",
    )
    workers: Annotated[int, Option(said="never")] = Field(
        cores(), ge=1, description="Processes that extract and replay; of a cluster, its workers' threads"
    )
    chunk_bytes: int = Field(2_000_000, ge=1, description="Target size of a chunk, bytes as stored")
    market_seconds: Annotated[float, Option(said="never")] = Field(
        60,
        gt=0,
        description="Time limit on the replay of a market, seconds per 3,000 messages and variant; a strategy that "
        "takes longer fails",
    )
    worker_megabytes: Annotated[float, Option(said="never")] = Field(
        _MEGABYTES_EACH, gt=0, description="Memory limit of a replay, MB; a strategy that takes more fails"
    )


class BacktestParameters(Profile):
    """What to backtest."""

    archives: list[Address] = Field(
        min_length=1, description="Archives: .tar, .tar.gz, .tar.bz2, .zip, folders, or single market files"
    )
    split: Split | None = Field(
        None,
        description="A day, YYYY-MM-DD: the best variant before it is judged from then on; or month: in each month",
    )

    @cached_property
    def opened_lake(self) -> Lake:
        """The lake."""
        return Lake(self.lake)

    @property
    def title(self) -> str:
        """The archives in a few words, for the names of runs."""
        first, *others = map(archive_name, self.archives)
        return f"{first} and {len(others)} more" if others else first

    @cached_property
    def ratings_source(self) -> RatingsSource | None:
        """The source of the ratings, if any.

        Raises:
            RatingsFileError: The file does not exist.
        """
        return find_source(self.ratings, Settings().ratings_url) if self.ratings else None

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The variants in the order given, without duplicates.

        Raises:
            InputError: A strategy, a parameter or the ratings it needs are wrong or missing, or two variants have the
                same id.
        """
        source = self.ratings_source.name if self.ratings_source else ""
        account = Account(self.currency, self.discount_rate, self.min_stake)
        decide = partial(
            make_variant,
            ratings=source,
            window=self.window,
            account=account,
            engine=self.proven_engine,
            settings=self.simulation,
            session=self.session,
        )
        made = (decide(choice.strategy, choice.parameters) for choice in (*self.strategies, *self.own_strategies))
        variants = tuple({variant.fingerprint: variant for variant in made}.values())
        if not variants:
            raise InputError("no strategy was given; `backtest strategies` lists the available ones")
        _check_ids(variants)
        return variants

    @cached_property
    def proven_engine(self) -> str:
        """The requested engine; flumine's own if the lean one is not proven with the installed flumine."""
        if self.engine == LEAN and not engine_is_proven():
            logger.warning("the lean engine is not proven with this version of flumine; using flumine's own, slower")
            return FLUMINE
        return self.engine

    def anew(self) -> "BacktestParameters":
        """Return a copy without cached properties, because a strategy's source may have changed."""
        return self.model_construct(**{name: getattr(self, name) for name in type(self).model_fields})

    def check(self) -> None:
        """Check what depends on several fields or on files, before any work begins.

        Raises:
            InputError: An archive is missing, a strategy, a parameter or the ratings it needs are wrong, or the filter
                or the split leaves no market of archives that are extracted already.
            LakeError: The lake's object store does not answer.
        """
        for number, address in enumerate(self.archives):
            check_exists(address)
            if address in self.archives[:number]:
                raise InputError(f"{address}: given twice; give it once")
        self.opened_lake.check_answers()
        self.opened_lake.check_writable()
        unseen(self.variants)
        if self.split or self.markets != type(self).model_fields["markets"].default:
            # The stages mend what is missing or damaged, or say what to run.
            with suppress(NotExtractedError, LakeError):
                self._check_selection()

    def _check_selection(self) -> None:
        lake, manifests = self.opened_lake, []
        for address in self.archives:
            archive = find_archive(lake, address)
            manifest = archive and find_manifest(lake, archive, self.markets.types_that_filter)
            if manifest is None:
                return
            manifests.append(manifest)
        # pandas takes half a second, and most of what is wrong is wrong without it.
        from tasks.archives.selection import select_markets  # noqa: PLC0415

        markets, _ = select_markets(lake, manifests, self.markets)
        if self.split:
            split_markets(markets, self.split)

    def forewarn(self) -> None:
        """Warn of parameters that may be unintended, before any work begins."""
        if "strategies" not in self.model_fields_set:
            names = ", ".join(choice.strategy for choice in self.strategies)
            which = "no strategy of this project" if self.own_strategies else "no strategy"
            logger.warning("%s was given: running %s with its defaults", which, names)
        for sentence in unseen(self.variants):
            logger.warning("%s", sentence)

    @property
    def limits(self) -> Limits:
        """The limits on a replay."""
        return Limits(self.market_seconds, self.worker_megabytes)

    @property
    def commission_rate(self) -> Commission:
        """The rate of commission."""
        return Commission(self.commission, self.discount_rate)


class ExtractParameters(BacktestParameters):
    """What to extract: a backtest whose market types are all, unless some are given."""

    markets: MarketFilter = Field(
        MarketFilter(market_types=[]), description=BacktestParameters.model_fields["markets"].description
    )


def _check_ids(variants: Iterable[Variant]) -> None:
    """Refuse variants with the same id: ids are short, so among thousands two may collide."""
    known: dict[str, Variant] = {}
    for variant in variants:
        other = known.setdefault(variant.id, variant)
        if other is not variant:
            raise InputError(
                f"{_differing(other, variant)} and {_differing(variant, other)} would both have the id {variant.id}; "
                "put them in separate runs"
            )


def _differing(variant: Variant, other: Variant) -> str:
    values = [
        f"{name}={value}" for name, value in variant.parameters.items() if (name, value) not in other.parameters.items()
    ]
    return ":".join([variant.name, ",".join(values)])
