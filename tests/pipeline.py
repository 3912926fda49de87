"""The stages on a small archive, without Prefect's server: extraction, replay by worker processes, results."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manifests import extract_whole

from tasks.aggregation.commission import Commission
from tasks.aggregation.results import Run, write_results
from tasks.archives.manifest import Manifest
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.lake.datasets import ORDERS, RESULTS_SUMMARY
from tasks.lake.store import Lake
from tasks.orders.coverage import index_orders
from tasks.orders.files import find_order_files, read_part
from tasks.orders.job import ReplayJob
from tasks.progress import Piece
from tasks.simulation.instance_times import InstanceTimes
from tasks.simulation.stage import plan_replays, simulate_chunk_task
from tasks.variants.variant import Variant
from tasks.workers import WorkerPool

ALL = MarketFilter(market_types=[])


def pack(markets: Mapping[str, bytes], path: Path) -> str:
    """Write an archive of markets, by their ids, in this order."""
    with tarfile.open(path, "w") as tar:
        for market_id, content in markets.items():
            member = tarfile.TarInfo(f"PRO/{market_id}.json")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return str(path)


def extract(address: str, lake: Lake, window: str, chunk_bytes: int = 10**9) -> Manifest:
    """Extract an archive."""
    return extract_whole(lake, address, chunk_bytes, window)[-1]


def simulate(
    lake: Lake, archives: Sequence[Manifest], variants: Sequence[Variant], pool: WorkerPool, wanted: MarketFilter = ALL
) -> tuple[ReplayJob, ...]:
    """Replay markets of archives; gives the jobs."""
    markets, _ = select_markets(lake, archives, wanted)
    jobs = tuple(plan_replays(lake, markets, variants, {}))
    for job in jobs:
        simulate_chunk_task.fn(job, index_orders(lake, jobs), 1, 1, pool, InstanceTimes(), Piece())
    return jobs


def replayed_markets(
    lake: Lake, archives: Sequence[Manifest], variants: Sequence[Variant], some: Sequence[str] = (), *, pool: WorkerPool
) -> int:
    """Replay what lacks of some markets, or of all; gives how many markets were replayed, once a file of orders."""
    before = set(lake.all_keys(ORDERS))
    jobs = simulate(lake, archives, variants, pool, MarketFilter(market_types=[], market_ids=list(some)))
    files = find_order_files(lake, {job.month for job in jobs})
    return sum(len(file.markets) for file in files if ORDERS.at(file.month, file.name) not in before)


def orders_by_market(jobs: Sequence[ReplayJob], *fields: str) -> dict[tuple[str, str], list[tuple[Any, ...]] | None]:
    """By variant and market, these fields of its orders; None where the market is a reject."""
    index = index_orders(jobs[0].lake, jobs)
    found: dict[tuple[str, str], list[tuple[Any, ...]] | None] = {}
    for coverage in map(index.coverage, jobs):
        for part in coverage.parts:
            found |= {(variant_id, market_id): [] for variant_id in part.variants for market_id in part.markets}
        for variant_id, rejects in coverage.rejects.items():
            found |= {(variant_id, reject.what): None for reject in rejects}
        for row in (row for part in coverage.parts for row in read_part(jobs[0].lake, part).to_pylist()):
            of_market = found[row["strategy_name"], row["market_id"]]
            assert of_market is not None
            of_market.append(tuple(row[field] for field in fields))
    return found


def summary(lake: Lake, archive: Manifest, jobs: tuple[ReplayJob, ...]) -> dict[str, dict[str, Any]]:
    """Settle; gives the figures of each variant by its id."""
    markets, _ = select_markets(lake, [archive], ALL)
    run = Run(lake, jobs[0].variants, (archive,), jobs, Commission())
    write_results(run, markets)
    return {row["strategy"]: row for row in lake.read(RESULTS_SUMMARY.at(run.id)).to_pylist()}
