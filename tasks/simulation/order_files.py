"""Files of orders: a replay writes one, which says of itself whose orders of which markets it has.

What a run lacks of them is told in `coverage.py`.
"""

import hashlib
import itertools
import json
import zlib
from base64 import b85decode, b85encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import BacktestError, BalanceError, ChangedSourceError, ReplacedOrdersError, ReplayError
from tasks.lake.datasets import ORDERS
from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.lake.parquet import Reader
from tasks.lake.store import Lake
from tasks.rejects import Reject
from tasks.simulation.blame import failure
from tasks.simulation.dependencies.record import what_changed
from tasks.simulation.job import Replayed, ReplayJob
from tasks.simulation.order_rows import Row
from tasks.simulation.refusals import Refusal

# Orders that were written by another of these, or with other columns, are made again.
_KIND = fingerprint("orders", version=2, engine=ENGINE, schema=ORDERS.layout)

_VARIANT = ORDERS.schema.get_field_index("strategy_name")


class _Note(TypedDict):
    """What a file says of a variant: see `Covered`."""

    id: str
    ratings: str
    depends: int
    rejects: list[list[str]]
    carries: list[str]


class Covered(NamedTuple):
    """A variant of a file.

    Attributes:
        variant_id: Its id.
        ratings: The model of the ratings it was given; empty where it takes none.
        depends: What it used, as `Dependencies.to_json` writes it.
        rejects: By market, those of the file's that it cannot be replayed on.
        carries: As in `Replayed`.
    """

    variant_id: str
    ratings: str
    depends: str
    rejects: Mapping[str, Reject]
    carries: Sequence[str]


class OrderFile(NamedTuple):
    """A file of orders, as its notes tell it: it covers each of its variants in each of its sessions.

    Attributes:
        month: Its partition.
        name: Its name without the ending.
        variants: By their whole fingerprints.
        markets: Its markets.
        keys: By ratings' model, its sessions' keys.
        content: Digest of its rows, and of what its notes say was refused and left out.
        refused: What flumine refused of what its variants asked, as `refused_in` reads it.
    """

    month: str
    name: str
    variants: Mapping[str, Covered]
    markets: Sequence[str]
    keys: Mapping[str, frozenset[str]]
    content: str
    refused: str = ""

    def part(self, variants: Sequence[str], markets: Sequence[str]) -> "Part":
        """Name a part of its orders.

        Args:
            variants: Ids of some of its variants.
            markets: Some of its markets.

        Returns:
            The part.
        """
        return Part(self.month, self.name, self.content, variants, markets)


class Part(NamedTuple):
    """Orders that a run takes from one file.

    Attributes:
        month: The file's partition.
        name: Its name without the ending.
        content: The file's.
        variants: Ids of the variants whose orders are taken.
        markets: The markets of which they are taken.
    """

    month: str
    name: str
    content: str
    variants: Sequence[str]
    markets: Sequence[str]


def write_orders(job: ReplayJob, replayed: Mapping[str, Replayed]) -> tuple[OrderFile | None, list[BacktestError]]:
    """Write what a replay gave its variants, but for those whose orders cannot be kept.

    Args:
        job: The replay's job.
        replayed: What it gave, by variant id; the file covers these variants.

    Returns:
        The file, None where there is nothing to keep; and why some variants are not in it: what they used is already
        another, or their orders cannot be written down.

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
    with job.lake.writer(ORDERS, {"month": job.month}, _KIND, kept.fingerprint) as writer:
        for table in tables.values():
            if table.num_rows:
                writer.write(table)
        writer.notes.update(_notes(kept, replayed), content=_content(tables, replayed))
    return _read_notes(job.month, kept.fingerprint, writer.file.notes), failures


def _check_balance(job: ReplayJob, variant_id: str, replayed: Replayed) -> None:
    """Check that each market was replayed or is a reject: that is what the file says of all."""
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
    """Write a variant's orders as the dataset has them.

    Args:
        variant_id: Its id.
        rows: As a replay describes them.

    Returns:
        Rows of `orders`.

    Raises:
        ReplayError: They are none.
    """
    try:
        return pa.Table.from_pylist(list(rows), schema=ORDERS.schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise failure(variant_id, error, "when its orders were written down") from None


def _notes(job: ReplayJob, replayed: Mapping[str, Replayed]) -> dict[str, str]:
    # Most variants depend on the same.
    depends = {variant.id: replayed[variant.id].depends.to_json() for variant in job.variants}
    places = {text: place for place, text in enumerate(dict.fromkeys(depends.values()))}
    variants = {
        variant.fingerprint: _Note(
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
    """Write down what was refused; a text a kind, variant and market says nearly the same, so it is compressed."""
    refused = {variant.fingerprint: replayed[variant.id].refused for variant in job.variants}
    written = json.dumps({fingerprint: refusals for fingerprint, refusals in sorted(refused.items()) if refusals})
    return b85encode(zlib.compress(written.encode(), level=9)).decode()


def refused_in(file: OrderFile) -> dict[str, dict[str, list[Refusal]]]:
    """Read what flumine refused of what a file's variants asked.

    Args:
        file: The file.

    Returns:
        By a variant's whole fingerprint and by market.
    """
    if not file.refused:
        return {}
    read: dict[str, list[list[Any]]] = json.loads(zlib.decompress(b85decode(file.refused)))
    refused: dict[str, dict[str, list[Refusal]]] = {}
    for variant, written in read.items():
        by_market = defaultdict(list)
        for refusal in itertools.starmap(Refusal, written):
            by_market[refusal.market_id].append(refusal)
        refused[variant] = by_market
    return refused


def _content(tables: Mapping[str, pa.Table], replayed: Mapping[str, Replayed]) -> str:
    """Hash what results take of a file: orders, and what was refused or left out, which may change by itself."""
    hashed = hashlib.sha256()
    for variant_id, table in tables.items():
        beside = replayed[variant_id]
        hashed.update(json.dumps([variant_id, beside.rejects, beside.carries, beside.refused]).encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        hashed.update(sink.getvalue())
    return hashed.hexdigest()


def find_order_files(lake: Lake, months: Iterable[str]) -> list[OrderFile]:
    """Find the files of orders of some months; damaged ones are deleted, because whatever they lack is made again.

    Args:
        lake: The lake.
        months: `2022-03`.

    Returns:
        Those that this version can take orders from, of each month the latest first.
    """
    found = []
    for month in sorted(set(months)):
        at = {"month": month}
        for name in lake.latest_first(ORDERS, at):
            file = lake.find(ORDERS, at, name)
            if file is None:
                lake.delete(ORDERS, at, name)
            elif file.fingerprint == _KIND:
                found.append(_read_notes(month, name, file.notes))
    return found


def _read_notes(month: str, name: str, notes: Mapping[str, str]) -> OrderFile:
    read = {key: json.loads(notes[key]) for key in ("variants", "depends", "markets", "keys")}
    variants: Mapping[str, _Note] = read["variants"]
    return OrderFile(
        month,
        name,
        {
            fingerprint: Covered(
                note["id"],
                note["ratings"],
                read["depends"][note["depends"]],
                {what: Reject(what, reason, detail) for what, reason, detail in note["rejects"]},
                note["carries"],
            )
            for fingerprint, note in variants.items()
        },
        read["markets"],
        {model: frozenset(keys) for model, keys in read["keys"].items()},
        notes["content"],
        notes["refused"],
    )


def read_part(lake: Lake, part: Part) -> pa.Table:
    """Read the orders that a run takes from a file.

    Args:
        lake: The lake.
        part: What is taken.

    Returns:
        Rows of `orders`, by variant, in each market in the order of placing.

    Raises:
        ReplacedOrdersError: The file is gone, or is another by now.
        DamagedFileError: Its bytes are not those that were written.
    """
    at = {"month": part.month}
    file = lake.find(ORDERS, at, part.name)
    if file is None or file.notes["content"] != part.content:
        raise ReplacedOrdersError(
            f"orders in the lake {lake.root} were deleted or replaced since the run; run the backtest again"
        )
    with lake.reader(ORDERS, file.path) as reader:
        tables = [reader.read_row_group(number) for number in _row_groups(reader, set(part.variants))]
    table = pa.concat_tables([ORDERS.schema.empty_table(), *tables])
    return table.filter(pc.is_in(table["market_id"], pa.array(part.markets, pa.string())))


def _row_groups(reader: Reader, variant_ids: set[str]) -> Iterable[int]:
    for number in range(reader.metadata.num_row_groups):
        if reader.metadata.row_group(number).column(_VARIANT).statistics.min in variant_ids:
            yield number
