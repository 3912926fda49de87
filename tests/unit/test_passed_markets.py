"""How much of a stage is done is told by market and member, while a job is under way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipeline import ALL, extract, pack

from tasks.archives.identity import read_archive
from tasks.archives.selection import select_markets
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_chunk, extract_job
from tasks.lake.store import Lake
from tasks.orders.coverage import index_orders
from tasks.progress import Piece
from tasks.simulation.instance_times import InstanceTimes
from tasks.simulation.stage import plan_replays, simulate_chunk_task
from tasks.variants.variant import Account, make_variant
from tasks.workers import worker_pool

OFF = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
MARKETS = 4


class Told(Piece):
    """A piece that remembers how much of it was done at each time."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.seen: list[int] = []

    def reach(self, share: float) -> None:
        super().reach(share)
        self.seen.append(round(self.share * self.count))


@pytest.fixture
def archive(hand_made: Callable[..., Any], tmp_path) -> str:
    """Races of an hour, one after the other."""
    markets = {}
    for number in range(MARKETS):
        market = hand_made(f"1.20000000{number}", off=OFF + timedelta(minutes=15 * number)).define(100)
        for seconds in range(80, 0, -4):
            market.tick(seconds, {"id": 11, "ltp": 3.0})
        market.close()
        markets[f"1.20000000{number}"] = b"\n".join(market.lines)
    return pack(markets, tmp_path / "month.tar")


@pytest.mark.parametrize("session", ["market", "day", "run"])
@pytest.mark.parametrize("width", [1, 2])
def test_a_replay_tells_of_each_market(session, width, archive, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    markets, _ = select_markets(lake, [extract(archive, lake, "80s")], ALL)
    asked = {"ratings": "", "window": "80s", "account": Account(), "session": session}
    variants = [make_variant("back_favourite", {"stake": stake}, **asked) for stake in (2, 3)]
    [job] = plan_replays(lake, markets, variants, {})
    piece = Told(MARKETS)
    with worker_pool(width) as pool:
        simulate_chunk_task.fn(job, index_orders(lake, [job]), 1, 1, pool, InstanceTimes(), piece)
    assert piece.seen == sorted(piece.seen)
    assert set(piece.seen) == set(range(MARKETS + 1))


def test_an_extraction_tells_of_each_member(archive, tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    read = read_archive(lake, archive)
    [chunk] = cut_into_chunks(read.members, 10**9)
    piece = Told(MARKETS)
    with worker_pool(1) as pool:
        pool.run(extract_chunk, extract_job(lake, read, chunk), piece.count_to)
    assert piece.seen == list(range(MARKETS))
