"""Market and runner books, equal to those of flumine's stream but cheaper to make.

What strategies read on every tick is set at once; rarely read attributes are made on first access. See `cache.py` for
how books change from message to message.
"""

from functools import cached_property
from typing import Any

from betfairlightweight.resources import bettingresources
from betfairlightweight.resources.bettingresources import KeyLine, PriceLadderDescription, RunnerBook

Definition = dict[str, Any]


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


class MarketBook(bettingresources.MarketBook):  # type: ignore[misc]  # betfairlightweight ships no types
    """A market book whose rarely read attributes are made when first read.

    It keeps its base's name, so that its `repr` is the same.
    """

    # The definition as streamed, and each runner's removal date: the source of the attributes below.
    __slots__ = ("source",)

    source: tuple[Definition, tuple[str | None, ...]]

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
        definition, removal_dates = self.source
        return {
            "runners": [
                _runner_data(runner, removal_date)
                for runner, removal_date in zip(self.runners, removal_dates, strict=True)
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
    """Return the attributes of a market's books that stay the same until its next definition.

    Args:
        definition: As streamed; empty before the first.
    """
    return {
        "streaming_unique_id": None,
        "streaming_update": None,
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
        "number_of_runners": 0,
        "number_of_winners": definition.get("numberOfWinners"),
        "runners_voidable": definition.get("runnersVoidable"),
        "status": definition.get("status"),
        "suspend_reason": None,
        "total_available": None,
        "total_matched": 0,
        "version": definition.get("version"),
        "runners": None,
        "publish_time": None,
        "publish_time_epoch": None,
    }
