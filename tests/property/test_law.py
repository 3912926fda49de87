"""The law: the orders of a variant in a market are plain flumine's on that market's file alone; nothing else decides.

Hostile markets and strategies, replayed by real worker processes in any company, partition and order; the judge in a
process of its own for each variant and market.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hostile_markets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Question, answer
from pipeline import extract, orders_by_market, pack, simulate
from plain_flumine import Raised

from tasks.lake.store import Lake
from tasks.variants.variant import Account, Variant, make_variant
from tasks.workers import WorkerPool, worker_pool

WINDOW = "-80s..60s"
TOLD = ("selection_id", "handicap", "side", "price", "price_matched", "size_matched", "profit", "runner_status")


def variant_of(name: str, **parameters: Any) -> Variant:
    return make_variant(f"hostile_strategies:{name}", parameters, ratings="", window=WINDOW, account=Account())


VARIANTS = (
    make_variant("back_favourite", {"seconds_to_start": 70}, ratings="", window=WINDOW, account=Account()),
    variant_of("Ape", seed=1),
    variant_of("Ape", seed=2),
    variant_of("MarksMarket"),
    variant_of("Counts"),
    variant_of("Thrifty"),
    variant_of("CancelsByHand"),
    variant_of("CompletesByHand"),
    variant_of("NamesItself"),
    variant_of("ClassCounter"),
    variant_of("ClassCounter", most=4),
    variant_of("ModuleSet"),
    variant_of("Cached"),
    variant_of("FlumineFunction"),
    variant_of("LoggerLevel"),
    variant_of("OwnTypes"),
    variant_of("Tidy"),
    variant_of("GlobalDice"),
    variant_of("NumpyDice"),
    variant_of("HashOrder"),
    variant_of("Environment"),
)


LINES = {
    hostile_markets.market_id(number): "\n".join(hostile_markets.lines(hostile_markets.market(number))).encode()
    for number in range(8)
}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with worker_pool(2) as pool:
        yield pool


class Expected(dict[tuple[str, str], Any]):
    """By variant and market, the orders of plain flumine; None where it raises."""

    def __repr__(self) -> str:
        return "what the judge says"


@pytest.fixture(scope="module")
def expected(pool: WorkerPool) -> Expected:
    questions = [
        Question(variant, market_id, lines.splitlines()) for variant in VARIANTS for market_id, lines in LINES.items()
    ]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(partial(pool.run, answer), questions))
    return Expected(
        {
            (question.variant.id, question.market_id): None
            if isinstance(orders, Raised)
            else [tuple(order[field] for field in TOLD) for order in orders]
            for question, orders in zip(questions, answers, strict=True)
        }
    )


def some_of(things: Sequence[Any], least: int, most: int) -> st.SearchStrategy[list[Any]]:
    """Some of them in any order."""
    return st.permutations(things).flatmap(lambda order: st.integers(least, most).map(lambda number: order[:number]))


@settings(max_examples=12)
@given(
    market_ids=some_of(list(LINES), 3, 8),
    companies=st.lists(some_of(VARIANTS, 1, 6), min_size=1, max_size=2),
    chunk_bytes=st.sampled_from([1, 60_000, 10**9]),
)
def test_no_company_partition_or_order_decides(
    expected: Expected,
    pool: WorkerPool,
    market_ids: list[str],
    companies: list[list[Variant]],
    chunk_bytes: int,
):
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        address = pack({market_id: LINES[market_id] for market_id in market_ids}, Path(folder) / "month.tar")
        archive = extract(address, lake, WINDOW, chunk_bytes)
        for company in companies:
            found = orders_by_market(simulate(lake, [archive], company, pool), *TOLD)
            assert set(found) == {(variant.id, market_id) for variant in company for market_id in market_ids}
            assert found == {key: expected[key] for key in found}
