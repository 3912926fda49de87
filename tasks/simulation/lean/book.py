"""Market and runner books, equal to those of flumine's stream but cheaper to make.

What a message leaves as it was is set at once; a book becomes whole, with its runners, when somebody reads one of them.
See `cache.py` for how books change from message to message.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from betfairlightweight.resources import bettingresources
from betfairlightweight.resources.bettingresources import KeyLine, PriceLadderDescription, RunnerBook

if TYPE_CHECKING:
    from tasks.simulation.lean.cache import MarketCache

Definition = dict[str, Any]
Change = dict[str, Any]

Key = tuple[int, float]


class Standing(NamedTuple):
    """What definitions say of a runner; all but its identity is None for one that stands in none.

    Attributes:
        actual_sp: The starting price, as streamed.
        removal_date: As streamed.
    """

    selection_id: int
    handicap: float
    status: str | None = None
    adjustment_factor: float | None = None
    actual_sp: float | str | None = None
    removal_date: str | None = None


# A book's own dictionary, which is read and set without making the book whole.
_OWN = bettingresources.BaseResource.__dict__["__dict__"]
attributes_of: Callable[[bettingresources.MarketBook], dict[str, Any]] = _OWN.__get__
set_attributes: Callable[[bettingresources.MarketBook, dict[str, Any]], None] = _OWN.__set__

MADE_WHOLE = frozenset(("runners", "number_of_runners", "total_matched"))
"""What only a whole book has."""

RUNNER_FIELDS: dict[str, Any] = {
    "selection_id": None,
    "status": None,
    "total_matched": 0,
    "adjustment_factor": None,
    "handicap": 0,
    "last_price_traded": None,
    "removal_date": None,
    "sp": None,
    "ex": None,
    "orders": None,
    "matches": None,
    "matches_by_strategy": None,
    "suspend_reason": None,
    "bet_delay_models": None,
}


class _OfWhole:
    """An attribute that makes a book whole when it is read before that."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, book: "MarketBook | None", owner: type) -> Any:  # noqa: ANN401 - of any attribute
        if book is None:
            return self
        if book.cache is None:
            raise AttributeError(self._name)
        book.cache.make_whole(book.number)
        return attributes_of(book)[self._name]


class MarketBook(bettingresources.MarketBook):  # type: ignore[misc]  # betfairlightweight ships no types
    """A market book that is made whole, and its rarely read attributes made, when first read.

    It keeps its base's name, so that its `repr` is the same.

    Attributes:
        source: The definition as streamed, and its runners; of one that is in no definition only once it is whole.
        cache: Makes it whole; None once it is.
        number: Of its message, in the cache's count.
        change: Its message's entry of `mc`, which is the engine's own.
        is_redefined: Whether its runners may stand otherwise than in the book before.
        message: As JSON; strategies get a parsed one of their own.
    """

    __slots__ = ("cache", "change", "is_redefined", "message", "number", "source")

    source: tuple[Definition, tuple[Standing, ...]]
    cache: "MarketCache | None"
    number: int
    change: Change
    is_redefined: bool
    message: str

    # Not by `__getattr__`, with which Python reads every attribute the slow way.
    runners = _OfWhole()
    number_of_runners = _OfWhole()
    total_matched = _OfWhole()

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """All attributes, as `vars` shows them."""
        cache = getattr(self, "cache", None)
        if cache is not None:
            cache.make_whole(self.number)
            self.streaming_update  # noqa: B018 - is an attribute once it was read
        return attributes_of(self)

    def __getstate__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a whole book, which needs no cache, to be copied or pickled."""
        return self.__dict__, {"source": self.source}

    @cached_property
    def streaming_update(self) -> Change:
        """The market's entry in its message."""
        return self.parse()

    def parse(self) -> Change:
        """Return the market's entry in its message, which the receiver may change."""
        changes: list[Change] = [c for c in orjson.loads(self.message)["mc"] if c["id"] == self.market_id]
        return changes[-1]

    @cached_property
    def price_ladder_definition(self) -> PriceLadderDescription | None:
        """The type of the price ladder."""
        ladder = self.source[0].get("priceLadderDefinition")
        return PriceLadderDescription(**ladder) if ladder else None

    @cached_property
    def key_line_description(self) -> KeyLine | None:
        """The key lines of handicap markets."""
        key_line = self.source[0].get("keyLineDefinition")
        return KeyLine(**key_line) if key_line else None

    @cached_property
    def _data(self) -> dict[str, Any]:
        runners = self.runners
        definition, standings = self.source
        return {
            "runners": [
                _runner_data(runner, standing.removal_date) for runner, standing in zip(runners, standings, strict=True)
            ],
            "marketId": self.market_id,
            "totalAvailable": None,
            "isMarketDataDelayed": None,
            "lastMatchTime": None,
            "betDelay": self.bet_delay,
            "version": self.version,
            "complete": self.complete,
            "runnersVoidable": self.runners_voidable,
            "totalMatched": self.total_matched,
            "status": self.status,
            "bspReconciled": self.bsp_reconciled,
            "crossMatching": self.cross_matching,
            "inplay": self.inplay,
            "numberOfWinners": self.number_of_winners,
            "numberOfRunners": self.number_of_runners,
            "numberOfActiveRunners": self.number_of_active_runners,
            "publishTime": self.publish_time_epoch,
            "priceLadderDefinition": definition.get("priceLadderDefinition"),
            "keyLineDescription": definition.get("keyLineDefinition"),
            "marketDefinition": definition,
        }


def same_statuses(some: Sequence[Standing], others: Sequence[Standing]) -> bool:
    """Return whether definitions name the same runners, with the same statuses and adjustment factors."""
    return some is others or [standing[:4] for standing in some] == [standing[:4] for standing in others]


def actual_sps(market_book: bettingresources.MarketBook) -> dict[Key, float | str | None]:
    """Return the starting prices of a book's runners, flumine's or ours; ours is not made whole for it."""
    if isinstance(market_book, MarketBook):
        return {(runner.selection_id, runner.handicap): runner.actual_sp for runner in market_book.source[1]}
    return {(runner.selection_id, runner.handicap): runner.sp.actual_sp for runner in market_book.runners}


def _runner_data(runner: RunnerBook, removal_date: str | None) -> dict[str, Any]:
    return {
        "status": runner.status,
        "ex": {
            "tradedVolume": runner.ex.traded_volume,
            "availableToBack": runner.ex.available_to_back,
            "availableToLay": runner.ex.available_to_lay,
        },
        "sp": {
            "nearPrice": runner.sp.near_price,
            "farPrice": runner.sp.far_price,
            "backStakeTaken": runner.sp.back_stake_taken,
            "layLiabilityTaken": runner.sp.lay_liability_taken,
            "actualSP": runner.sp.actual_sp,
        },
        "adjustmentFactor": runner.adjustment_factor,
        "removalDate": removal_date,
        "lastPriceTraded": runner.last_price_traded,
        "handicap": runner.handicap,
        "totalMatched": runner.total_matched,
        "selectionId": runner.selection_id,
    }


def fixed_attributes(market_id: str, definition: Definition) -> dict[str, Any]:
    """Return the attributes of a market's books that stay the same until its next definition, and places for times.

    Args:
        definition: As streamed; empty before the first.
    """
    return {
        "streaming_unique_id": None,
        "streaming_snap": True,
        "market_definition": None,
        "elapsed_time": None,
        "_datetime_created": None,
        "_datetime_updated": None,
        "market_id": market_id,
        "bet_delay": definition.get("betDelay"),
        "bet_delay_models": None,
        "bsp_reconciled": definition.get("bspReconciled"),
        "complete": definition.get("complete"),
        "cross_matching": definition.get("crossMatching"),
        "inplay": definition.get("inPlay"),
        "is_market_data_delayed": None,
        "last_match_time": None,
        "number_of_active_runners": definition.get("numberOfActiveRunners"),
        "number_of_winners": definition.get("numberOfWinners"),
        "runners_voidable": definition.get("runnersVoidable"),
        "status": definition.get("status"),
        "suspend_reason": None,
        "total_available": None,
        "version": definition.get("version"),
        "publish_time": None,
        "publish_time_epoch": None,
    }
