"""The stages on a small archive, without Prefect's server: extraction, replay by worker processes, results."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.aggregation.results import Run, write_results
from tasks.aggregation.settlement import Commission
from tasks.extraction.archive import read_index
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_chunk, extract_job
from tasks.lake.datasets import ORDERS, RESULTS_SUMMARY
from tasks.lake.store import Lake
from tasks.selection import MarketFilter, select_markets
from tasks.simulation.job import ReplayJob, find_orders
from tasks.simulation.stage import plan, simulate_chunk_task
from tasks.simulation.variant import Variant
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


def extract(address: str, lake: Lake, window: str, chunk_bytes: int = 10**9) -> str:
    """Extract an archive; gives its name."""
    archive = read_index(address)
    for chunk in cut_into_chunks(archive.members, chunk_bytes):
        extract_chunk(extract_job(lake, archive, chunk, window))
    return archive.name


def simulate(lake: Lake, archive: str, variants: Sequence[Variant], pool: WorkerPool) -> tuple[ReplayJob, ...]:
    """Replay an archive's markets; gives its jobs."""
    markets, _ = select_markets(lake, [archive], ALL)
    jobs = tuple(plan(lake, markets, variants, {}))
    for job in jobs:
        simulate_chunk_task.fn(job, 1, 1, pool)
    return jobs


def orders_by_market(jobs: Sequence[ReplayJob], *fields: str) -> dict[tuple[str, str], list[tuple[Any, ...]] | None]:
    """By variant and market, these fields of its orders; None where the market is a reject."""
    found: dict[tuple[str, str], list[tuple[Any, ...]] | None] = {}
    for job in jobs:
        for variant_id, orders in find_orders(job).items():
            found |= {(variant_id, reject.what): None for reject in orders.rejects}
            rows = _rows(job.lake, orders.file.path)
            for market_id in orders.markets:
                placed = [row for row in rows if row["market_id"] == market_id]
                found[variant_id, market_id] = [tuple(row[field] for field in fields) for row in placed]
    return found


def summary(lake: Lake, archive: str, jobs: tuple[ReplayJob, ...]) -> dict[str, dict[str, Any]]:
    """Settle; gives the figures of each variant by its id."""
    markets, _ = select_markets(lake, [archive], ALL)
    run = Run(lake, jobs[0].variants, jobs, Commission())
    write_results(run, markets)
    return {row["strategy"]: row for row in lake.read(RESULTS_SUMMARY, {"run": run.id}).to_pylist()}


def _rows(lake: Lake, path: str) -> list[dict[str, Any]]:
    with lake.reader(ORDERS, path) as reader:
        rows: list[dict[str, Any]] = reader.read().to_pylist()
    return rows
