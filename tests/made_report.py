"""A run made up for tests of the report: seeded bets on made-up races, settled by the project's own settlement."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
from made_money import described, valued

from sample.chance import seeded
from tasks.aggregation.account import on_one_account
from tasks.aggregation.commission import Commission
from tasks.aggregation.folds import split_markets
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.split import compare
from tasks.aggregation.statistics import statistics
from tasks.aggregation.summary import by_variant
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, ORDERS, RESULTS_SPLIT, RESULTS_STATISTICS
from tasks.report.collect import ReportData
from tasks.runs import RunArchive, RunRecord

VENUES = (("Devonport", "AU"), ("Wentworth Park", "AU"), ("Addington", "NZ"), ("Romford", "GB"), ("Nowhere", "AU"))
FIRST = datetime(2022, 3, 1, 1, 30, tzinfo=UTC)
RECORD = RunRecord(
    run="month-0011aabb",
    command="backtest run month.tar --strategy rated_price",
    parameters={"currency": "AUD", "session": "market", "simulation": {}},
    archives=(RunArchive("month", "month", "month.tar"),),
    ratings=None,
    rejects=(),
    versions={"flumine": "3.3.2"},
    asked_at=FIRST,
    asked_by="backtest",
)


def make_report(
    variants=("rated_price-00000001",),
    *,
    races=60,
    bets=3,
    seed=1,
    venues=VENUES,
    parameters=lambda number: {"stake": float(number), "side": "both"},
    with_statistics=True,
    split=None,
    together=False,
) -> ReportData:
    """Make a run: each variant bets on some runners of each race."""
    rng = seeded(seed, "report")
    markets, runners, orders = [], [], []
    for number in range(races):
        market_id = f"1.2{number:08d}"
        venue, country = venues[number % len(venues)]
        off = FIRST + timedelta(hours=7 * number)
        markets.append(market(market_id, number, venue, country, off))
        winner = rng.randrange(8)
        prices = [round(rng.uniform(1.2, 40), 2) for _ in range(8)]
        runners += [runner(market_id, place, prices[place], won=place == winner) for place in range(8)]
        for variant in variants:
            for count, place in enumerate(rng.sample(range(8), bets), start=1):
                orders.append(bet(variant, market_id, count, place, prices[place], winner, rng))
    frames = {
        "markets": described(frame(markets, CATALOGUE_MARKETS).assign(archive="month")),
        "runners": frame(runners, CATALOGUE_RUNNERS),
        "orders": valued(frame(orders, ORDERS)),
    }
    settled = settle(frames["orders"], frames["markets"], Commission())
    named = pd.DataFrame(
        {
            "strategy": variants,
            "name": [variant.rpartition("-")[0] for variant in variants],
            "parameters": [json.dumps(parameters(number)) for number in range(len(variants))],
            "replayed": races,
            **dict.fromkeys(("refused", "unmatched", "cancelled", "lapsed"), 0),
        }
    )
    ratings = frames["runners"][["market_id", "selection_id"]].assign(
        rating=[round(rng.uniform(1.2, 40), 2) for _ in runners]
    )
    made = Races(frames["orders"], settled, frames["markets"])
    known = RESULTS_STATISTICS.schema.empty_table().to_pandas()
    if with_statistics and races:
        known = statistics(made, list(variants))
    divided = RESULTS_SPLIT.schema.empty_table().to_pandas()
    if split:
        divided = compare(made, list(variants), split_markets(frames["markets"], split))
    account = on_one_account(frames["orders"], frames["markets"], {}, variants, Commission()) if together else None
    return ReportData(
        record=RECORD,
        summary=by_variant(settled, named).assign(no_bets=None),
        settled=settled,
        ratings=ratings,
        statistics=known,
        split=divided,
        rejects=[{"stage": "extract", "source": "month", "reason": "never closes", "count": 2, "for example": "1.2"}],
        notices=["Mine keeps seen when a market is over"],
        provenance={"flumine": "3.3.2"},
        **({"account": account.summary, "account_settled": account.settled} if account else {}),
        **frames,
    )


def without_bets(report: ReportData) -> ReportData:
    """Take all orders out of a run."""
    money = ["orders", "markets", "bets", "void_bets", "turnover", "gross", "commission", "net"]
    return replace(
        report,
        orders=report.orders[:0],
        settled=report.settled[:0],
        markets=report.markets[:0],
        runners=report.runners[:0],
        ratings=report.ratings[:0],
        statistics=report.statistics[:0],
        split=report.split[:0],
        summary=report.summary.assign(**dict.fromkeys(money, 0), roi=None),
    )


def frame(rows, dataset):
    table = pd.DataFrame(rows, columns=[column.name for column in dataset.columns])
    return table.astype({"market_id": "str"})


def market(market_id, number, venue, country, off):
    return {
        "market_id": market_id,
        "event_id": str(number // 12),
        "venue": venue,
        "country_code": country,
        "market_type": "WIN",
        "market_time": pd.Timestamp(off),
        "market_date": (off + timedelta(hours=11)).date(),
        "settled_time": pd.Timestamp(off + timedelta(minutes=3)),
        "announced": [pd.Timestamp(off)],
        "market_base_rate": 7.0,
        "discount_allowed": True,
        "number_of_winners": 1,
        "chunk": 1,
    }


def runner(market_id, place, bsp, *, won):
    return {
        "market_id": market_id,
        "selection_id": 1000 + place,
        "handicap": 0.0,
        "name": f"Dog {place}",
        "number": place + 1,
        "status": "WINNER" if won else "LOSER",
        "bsp": bsp,
    }


def bet(variant, market_id, number, place, bsp, winner, rng):
    side, size = rng.choice(["BACK", "LAY"]), rng.choice([2.0, 5.0, 7.5])
    price = round(max(1.01, bsp * rng.uniform(0.9, 1.1)), 2)
    won = place == winner
    back = round(size * (price - 1), 2) if won else -size
    return {
        "bet_id": f"{market_id}-{number}",
        "strategy_name": variant,
        "market_id": market_id,
        "selection_id": 1000 + place,
        "handicap": 0.0,
        "date_time_placed": pd.Timestamp(FIRST),
        "side": side,
        "price_matched": price,
        "size_matched": size,
        "profit": back if side == "BACK" else -back,
        "bsp": bsp,
        "runner_status": "WINNER" if won else "LOSER",
    }
