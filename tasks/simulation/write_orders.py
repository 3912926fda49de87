"""Write a replay's results to one file, which records whose orders of which markets it has.

See `tasks/orders/files.py` for how it is read.
"""

import hashlib
import json
import zlib
from base64 import b85encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import attrgetter

import pyarrow as pa

from tasks.errors import BacktestError, BalanceError, ChangedSourceError, ReplayError
from tasks.lake.datasets import ORDERS
from tasks.orders.files import KIND, Note, OrderFile, read_notes
from tasks.orders.job import ReplayJob
from tasks.simulation.blame import failure
from tasks.simulation.order_rows import Row
from tasks.simulation.replayed import Replayed
from tasks.variants.dependencies.record import what_changed


def write_orders(job: ReplayJob, replayed: Mapping[str, Replayed]) -> tuple[OrderFile | None, list[BacktestError]]:
    """Write the results of a replay's variants, without those whose orders cannot be kept.

    Args:
        replayed: Results by variant id; the file covers these variants.

    Returns:
        The file, None where there is nothing to keep; and why some variants are not in it: something they used has
            changed since, or their orders do not fit the schema.

    Raises:
        BalanceError: A market was neither replayed nor rejected, or has orders and was not replayed.
    """
    tables: dict[str, pa.Table] = {}
    failures: list[BacktestError] = []
    for variant_id in sorted(replayed):
        _check_balance(job, variant_id, replayed[variant_id])
        try:
            tables[variant_id] = _table(variant_id, replayed[variant_id])
        except (ReplayError, ChangedSourceError) as error:
            failures.append(error)
    if not tables:
        return None, failures
    kept = replace(job, variants=tuple(variant for variant in job.variants if variant.id in tables))
    with job.lake.writer(ORDERS.at(job.month, kept.fingerprint), KIND) as writer:
        for table in tables.values():
            if table.num_rows:
                writer.write(table)
        writer.notes.update(_notes(kept, replayed), content=_content(tables, replayed))
    return read_notes(job.month, kept.fingerprint, writer.file.notes), failures


def _check_balance(job: ReplayJob, variant_id: str, replayed: Replayed) -> None:
    """Check that each market was replayed or is a reject, since the file claims so for all."""
    done = Counter((*replayed.markets, *(reject.what for reject in replayed.rejects)))
    if done != Counter(job.market_ids):
        raise BalanceError(
            f"{variant_id}, {job.title}: {len(job.market_ids)} markets went in, {len(replayed.markets)} were replayed "
            f"and {len(replayed.rejects)} rejected"
        )
    strangers = {row["market_id"] for row in replayed.rows} - set(replayed.markets)
    if strangers:
        raise BalanceError(f"{variant_id}, {job.title}: orders in {min(strangers)}, which was not replayed")


def _table(variant_id: str, replayed: Replayed) -> pa.Table:
    used = replayed.depends
    if (used.files or used.folders) and (changed := what_changed(used)):
        raise ChangedSourceError(f"{variant_id}: {changed}; what a strategy reads has to stay while it is replayed")
    return orders_table(variant_id, replayed.rows)


def orders_table(variant_id: str, rows: Iterable[Row]) -> pa.Table:
    """Convert a variant's orders to a table of `orders`.

    Raises:
        ReplayError: They do not fit the schema.
    """
    try:
        return pa.Table.from_pylist(list(rows), schema=ORDERS.schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise failure(variant_id, error, "when its orders were written down") from None


def _notes(job: ReplayJob, replayed: Mapping[str, Replayed]) -> dict[str, str]:
    # Most variants have the same dependencies.
    depends = {variant.id: replayed[variant.id].depends.to_json() for variant in job.variants}
    places = {text: place for place, text in enumerate(dict.fromkeys(depends.values()))}
    variants = {
        variant.fingerprint: Note(
            id=variant.id,
            ratings=variant.ratings,
            depends=places[depends[variant.id]],
            rejects=[list(reject) for reject in replayed[variant.id].rejects],
            carries=list(replayed[variant.id].carries),
        )
        for variant in sorted(job.variants, key=attrgetter("id"))
    }
    noted = {
        "variants": variants,
        "depends": list(places),
        "markets": job.market_ids,
        "keys": job.keys,
    }
    return {**{name: json.dumps(value) for name, value in noted.items()}, "refused": _write_refused(job, replayed)}


def _write_refused(job: ReplayJob, replayed: Mapping[str, Replayed]) -> str:
    """Serialize the refusals; they repeat much text, so they are compressed."""
    refused = {variant.fingerprint: replayed[variant.id].refused for variant in job.variants}
    written = json.dumps({fingerprint: refusals for fingerprint, refusals in sorted(refused.items()) if refusals})
    return b85encode(zlib.compress(written.encode(), level=9)).decode()


def _content(tables: Mapping[str, pa.Table], replayed: Mapping[str, Replayed]) -> str:
    """Hash what results take from a file: orders, refusals and rejects, each of which may change alone."""
    hashed = hashlib.sha256()
    for variant_id, table in tables.items():
        beside = replayed[variant_id]
        hashed.update(json.dumps([variant_id, beside.rejects, beside.carries, beside.refused]).encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        hashed.update(sink.getvalue())
    return hashed.hexdigest()
