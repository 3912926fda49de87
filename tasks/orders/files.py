"""Read files of orders; the notes of each list the variants and markets it covers.

`coverage.py` finds what a run lacks; `tasks/simulation/write_orders.py` writes the files.
"""

import itertools
import json
import zlib
from base64 import b85decode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import ReplacedOrdersError
from tasks.lake.datasets import ORDERS
from tasks.lake.fingerprint import ENGINE, fingerprint
from tasks.lake.parquet import Reader
from tasks.lake.store import Lake
from tasks.orders.refusal import Refusal
from tasks.rejects import Reject

# Raised by hand; orders with another version or other columns are made again.
VERSION = 5

KIND = fingerprint("orders", version=VERSION, engine=ENGINE, schema=ORDERS.layout)

_VARIANT = ORDERS.schema.get_field_index("strategy_name")


class Note(TypedDict):
    """A variant in a file's notes; see `Covered`."""

    id: str
    ratings: str
    depends: int
    rejects: list[list[str]]
    carries: list[str]


class Covered(NamedTuple):
    """A variant of a file.

    Attributes:
        variant_id: Its id.
        ratings: The model of the ratings it was given; empty if none.
        depends: Its dependencies, as `Dependencies.to_json` writes them.
        rejects: By market, those of the file's that it cannot be replayed on.
        carries: As in `Replayed`.
    """

    variant_id: str
    ratings: str
    depends: str
    rejects: Mapping[str, Reject]
    carries: Sequence[str]


class OrderFile(NamedTuple):
    """A file of orders, from its notes; it covers every one of its variants in every one of its sessions.

    Attributes:
        month: Its partition.
        name: Its name without extension.
        variants: By full fingerprint.
        markets: Its markets.
        keys: By ratings model, its sessions' keys.
        content: Digest of its rows, refusals and rejects.
        refused: Flumine's refusals, packed; `refused_in` reads them.
    """

    month: str
    name: str
    variants: Mapping[str, Covered]
    markets: Sequence[str]
    keys: Mapping[str, frozenset[str]]
    content: str
    refused: str = ""

    def part(self, variants: Sequence[str], markets: Sequence[str]) -> "Part":
        """Return the part with some of its variants, by id, and some of its markets."""
        return Part(self.month, self.name, self.content, variants, markets)


class Part(NamedTuple):
    """Orders that a run takes from one file.

    Attributes:
        month: The file's partition.
        name: Its name without extension.
        content: The file's.
        variants: Ids of the variants whose orders are taken.
        markets: The markets whose orders are taken.
    """

    month: str
    name: str
    content: str
    variants: Sequence[str]
    markets: Sequence[str]


def refused_in(file: OrderFile) -> dict[str, dict[str, list[Refusal]]]:
    """Read flumine's refusals in a file, by the variant's full fingerprint and by market."""
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


def find_order_files(lake: Lake, months: Iterable[str]) -> list[OrderFile]:
    """Find the files of orders of some months (`2022-03`); delete damaged ones, whose orders are then made again.

    Returns:
        Those that this version can use, in each month the latest first.
    """
    found = []
    for month in sorted(set(months)):
        for key in lake.latest_first(ORDERS.of(month)):
            file = lake.find(key)
            if file is None:
                lake.delete(key)
            elif file.fingerprint == KIND:
                found.append(read_notes(month, key.name, file.notes))
    return found


def read_notes(month: str, name: str, notes: Mapping[str, str]) -> OrderFile:
    """Parse a file's notes."""
    read = {key: json.loads(notes[key]) for key in ("variants", "depends", "markets", "keys")}
    variants: Mapping[str, Note] = read["variants"]
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

    Returns:
        Rows of `orders`, by variant, within each market in the order of placing.

    Raises:
        ReplacedOrdersError: The file is gone or was replaced.
        DamagedFileError: The file is damaged.
    """
    key = ORDERS.at(part.month, part.name)
    file = lake.find(key)
    if file is None or file.notes["content"] != part.content:
        raise ReplacedOrdersError(
            f"orders in the lake {lake.root} were deleted or replaced since the run; run the backtest again"
        )
    with lake.reader(key) as reader:
        tables = [reader.read_row_group(number) for number in _row_groups(reader, set(part.variants))]
    table = pa.concat_tables([ORDERS.schema.empty_table(), *tables])
    return table.filter(pc.is_in(table["market_id"], pa.array(part.markets, pa.string())))


def _row_groups(reader: Reader, variant_ids: set[str]) -> Iterable[int]:
    for number in range(reader.metadata.num_row_groups):
        if reader.metadata.row_group(number).column(_VARIANT).statistics.min in variant_ids:
            yield number
