"""What one replay is about, and where its orders lie; the replay itself is `replay.py`'s business."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from tasks.errors import ChangedSourceError, ReplayError
from tasks.lake.datasets import ORDERS
from tasks.lake.fingerprint import ENGINE, digest, fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.rejects import Reject
from tasks.simulation.dependencies.record import Dependencies, what_changed
from tasks.simulation.limits import NO_LIMITS, Limits
from tasks.simulation.order_rows import Row
from tasks.simulation.variant import Variant

VERSION = 2

Ratings = dict[str, dict[int, float]]


@dataclass(frozen=True)
class ReplayJob:
    """What a worker needs to know to replay one chunk.

    Attributes:
        lake: Where messages come from and orders go.
        archive: Its name in the lake.
        chunk: Its number.
        upstream: Fingerprint of the chunk's messages.
        market_ids: The selected markets of the chunk, in the order in which they are replayed.
        variants: Those that lack their orders, all with the same window.
        ratings: Of these markets, by the model's name.
        market_types: The types that are folded together, as in `WindowsFile`.
        limits: What the replay may take; it decides nothing of the output.
    """

    lake: Lake
    archive: str
    chunk: int
    upstream: str
    market_ids: tuple[str, ...]
    variants: tuple[Variant, ...]
    ratings: Mapping[str, Ratings]
    market_types: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS

    def fingerprint(self, variant: Variant) -> str:
        """Say what decides a variant's orders in this chunk, as far as it is known before the replay.

        Args:
            variant: Any.

        Returns:
            The fingerprint of its file.
        """
        ratings = self.ratings.get(variant.ratings, {})
        return fingerprint(
            "simulate",
            version=VERSION,
            upstream=self.upstream,
            markets=self.market_ids,
            variant=variant.fingerprint,
            ratings=digest(
                f"{market}\0{selection}\0{rating!r}".encode()
                for market in sorted(ratings)
                for selection, rating in sorted(ratings[market].items())
            ),
            engine=ENGINE,
            schema=ORDERS.layout,
        )

    def partition(self, variant: Variant) -> dict[str, object]:
        """Say where a variant's orders of this chunk lie.

        Args:
            variant: Any.

        Returns:
            The partition of `orders`.
        """
        return {"strategy": variant.id, "archive": self.archive, "chunk": self.chunk}


class Replayed(NamedTuple):
    """What a replay gave one variant.

    Attributes:
        rows: Its orders.
        markets: The markets it was replayed on.
        rejects: Those it cannot be replayed on.
        depends: What it used.
    """

    rows: Sequence[Row]
    markets: Sequence[str]
    rejects: Sequence[Reject]
    depends: Dependencies


def joined(parts: Iterable[Replayed]) -> Replayed:
    """Put together what one variant was given by parts of a chunk.

    Args:
        parts: Of markets that no other part has, in the order of the chunk.

    Returns:
        The whole.
    """
    whole = Replayed([], [], [], Dependencies())
    for part in parts:
        whole = Replayed(
            [*whole.rows, *part.rows],
            [*whole.markets, *part.markets],
            [*whole.rejects, *part.rejects],
            whole.depends.merged(part.depends),
        )
    return whole


class Orders(NamedTuple):
    """A variant's file of orders, as its notes tell it.

    Attributes:
        file: The file.
        markets: The markets it covers, also those without an order.
        rejects: Those that could not be replayed.
        content: Digest of its rows, notes apart.
    """

    file: LakeFile
    markets: tuple[str, ...]
    rejects: tuple[Reject, ...]
    content: str


def find_orders(job: ReplayJob) -> dict[str, Orders]:
    """Find the orders of a chunk that need not be made again.

    Args:
        job: The chunk's job, with all variants that are asked for.

    Returns:
        Variant ids and their files.
    """
    found = {v.id: job.lake.fresh(ORDERS, job.partition(v), job.fingerprint(v)) for v in job.variants}
    files = {variant_id: file for variant_id, file in found.items() if file is not None}
    # Most variants depend on the same.
    depends = {file.notes["depends"] for file in files.values()}
    fresh = {text for text in depends if what_changed(Dependencies.from_json(text)) is None}
    return {variant_id: read_notes(file) for variant_id, file in files.items() if file.notes["depends"] in fresh}


def write_orders(job: ReplayJob, variant: Variant, replayed: Replayed) -> Orders:
    """Write a variant's orders of a chunk.

    Args:
        job: The chunk's job.
        variant: One of its variants.
        replayed: What the replay gave it.

    Returns:
        The file.

    Raises:
        ReplayError: The strategy left orders that cannot be written down.
        ChangedSourceError: What the strategy used is already another, so that its orders would be stale at once.
    """
    if (replayed.depends.files or replayed.depends.folders) and (changed := what_changed(replayed.depends)):
        raise ChangedSourceError(f"{variant.id}: {changed}; what a strategy reads has to stay while it is replayed")
    try:
        table = pa.Table.from_pylist(list(replayed.rows), schema=ORDERS.schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ReplayError(
            f"{variant.id} raised {type(error).__name__}: {error} when its orders were written down", variant.id
        ) from None
    notes = {
        "markets": json.dumps(list(replayed.markets)),
        "rejects": json.dumps([list(reject) for reject in replayed.rejects]),
        "depends": replayed.depends.to_json(),
        "content": _content(table),
    }
    return read_notes(job.lake.write(ORDERS, job.partition(variant), table, job.fingerprint(variant), notes=notes))


def read_notes(file: LakeFile) -> Orders:
    """Read what a file of orders says of itself.

    Args:
        file: As the lake found or wrote it.

    Returns:
        The same, with its notes understood.
    """
    markets, rejects = json.loads(file.notes["markets"]), json.loads(file.notes["rejects"])
    return Orders(file, tuple(markets), tuple(Reject(*reject) for reject in rejects), file.notes["content"])


def _content(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()
