"""Jobs on markets that no catalogue names, and the orders that the lake has of them."""

from collections.abc import Iterable
from typing import Any

from tasks.lake.datasets import ORDERS
from tasks.orders.coverage import Coverage, index_orders
from tasks.orders.files import OrderFile, find_order_files, read_part
from tasks.orders.job import ReplayJob
from tasks.orders.session import Session, SessionMarket


def alone(
    market_ids: Iterable[str], archive: str = "month", chunk: int = 1, upstream: str = "upstream"
) -> tuple[Session, ...]:
    """Sessions of one market each."""
    return tuple(
        Session((SessionMarket(market_id, f"digest of {market_id}", archive, chunk, upstream),), "2026-01")
        for market_id in market_ids
    )


def find(job: ReplayJob) -> Coverage:
    """What the lake has of a job."""
    return index_orders(job.lake, [job]).coverage(job)


def found(job: ReplayJob) -> set[str]:
    """Ids of the variants of which the lake has all orders."""
    lacking = {variant.id for lacking in find(job).lacking for variant in lacking.variants}
    return {variant.id for variant in job.variants} - lacking


def files(job: ReplayJob) -> list[OrderFile]:
    """The files of orders of its month."""
    return find_order_files(job.lake, [job.month])


def delete(file: OrderFile, job: ReplayJob) -> None:
    """Delete a file of orders."""
    job.lake.delete(ORDERS.at(file.month, file.name))


def rows_of(job: ReplayJob) -> dict[str, list[dict[str, Any]]]:
    """The orders that the lake has of a job, by variant, in the job's order of markets."""
    table = [row for part in find(job).parts for row in read_part(job.lake, part).to_pylist()]
    place = {market_id: number for number, market_id in enumerate(job.market_ids)}
    table.sort(key=lambda row: place[row["market_id"]])
    return {variant.id: [row for row in table if row["strategy_name"] == variant.id] for variant in job.variants}
