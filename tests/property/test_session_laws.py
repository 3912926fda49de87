"""Under each session the orders are plain flumine's on that session's files, however the markets are packed and run.

Which archive a market is in, how archives are cut into chunks, how many workers there are and which run came before
decides nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hostile_across
import hostile_markets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline import extract, orders_by_market, pack, replayed_markets, simulate
from plain_flumine import Raised
from plain_session import orders_of_session

from tasks.lake.store import Lake
from tasks.variants.variant import Account, Variant, make_variant
from tasks.windows.window import Window
from tasks.workers import WorkerPool, worker_pool

WINDOW = "-80s..60s"
SESSIONS = ("market", "event", "day", "run")
TOLD = ("selection_id", "handicap", "side", "price", "price_matched", "size_matched", "profit", "runner_status")
STRATEGIES = ("Pairs", "Bankroll", "StopsAfter")
EVENTS = 3

Orders = dict[tuple[str, str], list[tuple[Any, ...]] | None]


def _lines(number: int) -> list[str]:
    """A market of one of three events; where the first is, it is still the day before."""
    event = number % EVENTS
    told = {"eventId": f"event {event}", "marketType": ("WIN", "PLACE")[number // EVENTS % 2]}
    told |= {"timezone": "America/Los_Angeles"} if event == 0 else {}
    messages = hostile_markets.market(number)
    for change in (change for message in messages for change in message["mc"] if "marketDefinition" in change):
        change["marketDefinition"] = change["marketDefinition"] | told
    return hostile_markets.lines(messages)


LINES = {hostile_markets.market_id(number): _lines(number) for number in range(9)}


def _group(session: str, market_id: str) -> object:
    event = list(LINES).index(market_id) % EVENTS
    return {"market": market_id, "event": event, "day": event == 0, "run": None}[session]


def _market_time(market_id: str) -> str:
    definitions = (change.get("marketDefinition") for line in LINES[market_id] for change in json.loads(line)["mc"])
    return [str(definition["marketTime"]) for definition in definitions if definition][-1]


def sessions(session: str) -> list[list[str]]:
    """The markets of each session, in their order."""
    together: dict[object, list[str]] = {}
    for market_id in sorted(LINES, key=lambda market_id: (_market_time(market_id), market_id)):
        together.setdefault(_group(session, market_id), []).append(market_id)
    return list(together.values())


def variants_of(session: str) -> tuple[Variant, ...]:
    make = partial(make_variant, parameters={}, ratings="", window=WINDOW, account=Account(), session=session)
    return tuple(make(f"hostile_across:{name}") for name in STRATEGIES)


def judged(session: str) -> Orders:
    """What plain flumine says, by variant and market; None in a session in which it raises."""
    found: Orders = {}
    for variant, name in zip(variants_of(session), STRATEGIES, strict=True):
        for market_ids in sessions(session):
            lines = {market_id: LINES[market_id] for market_id in market_ids}
            orders = orders_of_session(lines, getattr(hostile_across, name), Window.parse(WINDOW).listener_kwargs)
            for market_id in market_ids:
                if isinstance(orders, Raised):
                    found[variant.id, market_id] = None
                    continue
                of_market = [order for order in orders if order["market_id"] == market_id]
                found[variant.id, market_id] = [tuple(order[field] for field in TOLD) for order in of_market]
    return found


class Expected(dict[str, Orders]):
    """By session, what the judge says."""

    def __repr__(self) -> str:
        return "what the judge says"


@pytest.fixture(scope="module")
def expected() -> Expected:
    return Expected({session: judged(session) for session in SESSIONS})


@pytest.fixture(scope="module")
def pools() -> Iterator[Mapping[int, WorkerPool]]:
    with worker_pool(1) as one, worker_pool(2) as two:
        yield {1: one, 2: two}


def test_sessions_are_not_all_alike(expected: Expected):
    """What is compared below would tell one session from another."""
    orders = {session: sorted(map(str, of_session.values())) for session, of_session in expected.items()}
    assert [len(sessions(session)) for session in SESSIONS] == [9, 3, 2, 1]
    assert all(orders[one] != orders[other] for one in SESSIONS for other in SESSIONS if one != other)


@settings(max_examples=8)
@given(
    market_ids=st.permutations(list(LINES)),
    cut=st.integers(0, len(LINES)),
    chunk_bytes=st.sampled_from([1, 20_000, 10**9]),
    order=st.permutations(SESSIONS),
    workers=st.sampled_from([1, 2]),
)
def test_how_markets_are_packed_and_run_decides_nothing(
    expected: Expected,
    pools: Mapping[int, WorkerPool],
    market_ids: list[str],
    cut: int,
    chunk_bytes: int,
    order: list[str],
    workers: int,
):
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        archives = [
            extract(pack(_packed(some), Path(folder) / f"{name}.tar"), lake, WINDOW, chunk_bytes)
            for name, some in (("first", market_ids[:cut]), ("second", market_ids[cut:]))
            if some
        ]
        for session in order:
            jobs = simulate(lake, archives, variants_of(session), pools[workers])
            assert orders_by_market(jobs, *TOLD) == expected[session], session


@settings(max_examples=6)
@given(
    some=st.lists(st.sampled_from(list(LINES)), min_size=1, unique=True),
    session=st.sampled_from(SESSIONS),
    chunk_bytes=st.sampled_from([1, 20_000, 10**9]),
)
def test_a_session_is_replayed_once(pools: Mapping[int, WorkerPool], some: list[str], session: str, chunk_bytes: int):
    """All markets, then some, then all, cut otherwise, then again from an archive that has the same markets."""
    first, second, _ = variants_of(session)
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        whole = extract(pack(_packed(LINES), Path(folder) / "whole.tar"), lake, WINDOW)
        counted = partial(replayed_markets, lake, pool=pools[2])
        assert counted([whole], [first]) == len(LINES)
        of_some = [markets for markets in sessions(session) if set(markets) & set(some)]
        # Sessions of which only some markets are asked for are others than the whole ones.
        others_than = [markets for markets in of_some if not set(markets) <= set(some)]
        assert counted([whole], [first], some) == sum(len(set(markets) & set(some)) for markets in others_than)
        assert counted([whole], [first]) == 0
        whole = extract(str(Path(folder) / "whole.tar"), lake, WINDOW, chunk_bytes)
        assert counted([whole], [first]) == 0
        again = extract(pack(_packed(reversed(LINES)), Path(folder) / "again.tar"), lake, WINDOW, chunk_bytes)
        assert counted([again], [first]) == counted([again, whole], [first]) == 0
        assert counted([again], [first, second]) == len(LINES)


def _packed(market_ids: Iterable[str]) -> dict[str, bytes]:
    return {market_id: "\n".join(LINES[market_id]).encode() for market_id in market_ids}
