"""Small markets by hand, a strategy that bets once in each, and what its variants are given there."""

import bz2
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import orders_by_market, simulate

from tasks.archives.identity import read_archive
from tasks.archives.manifest import Manifest, read_manifest
from tasks.executor import Executor
from tasks.lake.store import Lake
from tasks.variants.variant import Variant

BEGIN = """
import random
from flumine import BaseStrategy, config
from flumine.order.ordertype import LimitOrder, MarketOnCloseOrder
from flumine.order.trade import Trade

class Bets(BaseStrategy):
    "Backs the first runner once a market at 3.0."
    def __init__(self, stake: float = 2.0, **flumine):
        super().__init__(**flumine)
        self.stake, self.done = stake, False
    def check_market_book(self, market, book):
        return book.status == "OPEN" and not self.done
    def process_market_book(self, market, book):
        self.done = True
        self.bet(market, "BACK", LimitOrder(3.0, self.stake))
    def bet(self, market, side, order_type, selection_id=11):
        trade = Trade(market.market_id, selection_id, 0, self)
        market.place_order(trade.create_order(side, order_type))

"""


def market(market_id: str, factors: tuple[float | None, ...] = (None, None, None), market_type: str = "WIN") -> bytes:
    """Three runners at 3.0; the third is removed; the first wins."""
    start = 1_700_000_000_000
    lines = []

    def say(milliseconds: int, **change: Any) -> None:
        lines.append({"op": "mcm", "pt": start + milliseconds, "mc": [{"id": market_id, **change}]})

    def define(milliseconds: int, *statuses: str, status: str = "OPEN", version: int = 1, **change: Any) -> None:
        runners = [
            {"id": id_, "sortPriority": place, "status": runner, "name": f"{place}. R", "adjustmentFactor": factor}
            for place, (id_, runner, factor) in enumerate(zip((11, 22, 33), statuses, factors, strict=True), start=1)
        ]
        definition = {
            "bspMarket": True, "turnInPlayEnabled": False, "persistenceEnabled": True, "marketBaseRate": 5.0,
            "eventId": "9", "eventTypeId": "7", "numberOfWinners": 1, "bettingType": "ODDS", "marketType": market_type,
            "marketTime": "2023-11-14T22:15:00.000Z", "suspendTime": "2023-11-14T22:15:00.000Z",
            "bspReconciled": False, "complete": True, "inPlay": False, "crossMatching": True,
            "runnersVoidable": False, "numberOfActiveRunners": statuses.count("ACTIVE"), "betDelay": 0,
            "status": status, "runners": runners, "regulators": ["MR_INT"], "discountAllowed": True,
            "timezone": "GMT", "openDate": "2023-11-14T22:15:00.000Z", "version": version,
        }  # fmt: skip
        say(milliseconds, marketDefinition=definition, **change)

    active = ("ACTIVE",) * 3
    book = [{"id": id_, "atb": [[3.0, 50.0]], "atl": [[3.4, 50.0]], "ltp": 3.0} for id_ in (11, 22, 33)]
    define(0, *active, rc=book)
    for seconds in (2, 4, 6):
        say(seconds * 1000, rc=[{"id": 11, "ltp": 3.0}])
    define(8000, "ACTIVE", "ACTIVE", "REMOVED", version=2)
    define(90_000, "WINNER", "LOSER", "REMOVED", status="CLOSED", version=3)
    return "\n".join(map(json.dumps, lines)).encode()


MARKETS = {f"1.90000000{n}": market(f"1.90000000{n}") for n in (1, 2, 3)}


def write_archive(path: Path, markets: Mapping[str, bytes]) -> None:
    """Write a tar of markets, each by its id."""
    with tarfile.open(path, "w") as archive:
        for market_id, messages in markets.items():
            packed = bz2.compress(messages)
            member = tarfile.TarInfo(f"{market_id}.bz2")
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))


def month_in(lake: Lake) -> Manifest:
    """What was extracted of `month.tar`, which lies beside the lake."""
    return read_manifest(lake, read_archive(lake, str(Path(lake.root).with_name("month.tar"))))


def told(lake: Lake, pool: Executor, *variants: Variant) -> dict[str, list[Any]]:
    """By variant, the orders of each market."""
    found = orders_by_market(
        simulate(lake, [month_in(lake)], variants, pool), "selection_id", "size", "size_matched", "profit"
    )
    return {variant.id: [found[variant.id, market_id] for market_id in MARKETS] for variant in variants}
