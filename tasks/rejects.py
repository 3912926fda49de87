"""Rejects: files, rows or markets that were left out, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tasks.lake.dataset import Key
from tasks.lake.datasets import REJECTS
from tasks.lake.fingerprint import digest
from tasks.lake.store import Lake


class Reject(NamedTuple):
    """Something that was left out.

    Attributes:
        what: The thing, as the user would look it up: a member's path, a market id, `row 17`.
        reason: The kind of problem, always in the same few words, so that rejects can be counted by reason.
        detail: The particulars: the error's text, the value, the other file.
    """

    what: str
    reason: str
    detail: str = ""


def say_reasons(rejects: Sequence[Reject]) -> str:
    """Say why things were left out.

    Args:
        rejects: In the order in which they were met; the same thing for the same reason counts once.

    Returns:
        Each reason with its first example, the most frequent first; of several, each with its count.
    """
    firsts: dict[str, Reject] = {}
    for reject in rejects:
        firsts.setdefault(reject.reason, reject)
    counts = Counter(reason for _, reason in dict.fromkeys((reject.what, reject.reason) for reject in rejects))
    examples = {reason: f"{first.what}: {first.detail}".removesuffix(": ") for reason, first in firsts.items()}
    said = [
        f"{count if len(counts) > 1 else ''} {reason} ({examples[reason]})".lstrip()
        for reason, count in counts.most_common()
    ]
    return "; ".join(said)


class RejectSource(NamedTuple):
    """A run's files of rejects from one stage and source.

    Attributes:
        stage: The stage.
        source: The archive or ratings model.
        names: Names without extension; a missing file means no rejects.
    """

    stage: str
    source: str
    names: tuple[str, ...]


def as_table(rejects: Iterable[Reject]) -> pa.Table:
    """Return rows of the dataset `rejects`, in the order given."""
    columns = zip(*rejects, strict=True)
    return pa.table([list(column) for column in columns] or [[]] * len(REJECTS.schema), REJECTS.schema)


def write_down(lake: Lake, stage: str, source: str, rejects: Iterable[Reject], name: str) -> int:
    """Write a stage's rejects, replacing those of an earlier run.

    Args:
        lake: The lake.
        stage: The stage.
        source: The archive or ratings model.
        rejects: All rejects for this file; if empty, the file is deleted.
        name: The file's name without extension.

    Returns:
        The number of rejects.
    """
    rows, key = list(rejects), REJECTS.at(stage, source, name)
    decided_by = digest("\0".join(row).encode() for row in rows)
    if not rows:
        lake.delete(key)
    elif not lake.fresh(key, decided_by):
        lake.write(key, as_table(rows), decided_by)
    return len(rows)


def by_archive(of_variants: Iterable[Iterable[Reject]], archive_of: Mapping[str, str]) -> dict[str, list[Reject]]:
    """Group several variants' rejected markets by archive, each market once.

    Args:
        of_variants: Each variant's rejects.
        archive_of: The archive of each market.
    """
    divided: dict[str, list[Reject]] = {}
    for reject in {reject.what: reject for of_variant in of_variants for reject in of_variant}.values():
        divided.setdefault(archive_of[reject.what], []).append(reject)
    return divided


def count_rejects(lake: Lake, sources: Iterable[RejectSource]) -> list[dict[str, object]]:
    """Count rejects by stage, source and reason, with an example of each; the most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], str] = {}
    for stage, source, names in sources:
        for key in [key for key in (REJECTS.at(stage, source, name) for name in names) if lake.find(key)]:
            for reason, count, example in _count_groups(lake, key):
                counts[stage, source, reason] += count
                examples.setdefault((stage, source, reason), example)
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"stage": stage, "source": source, "reason": reason, "count": count, "for example": examples[kind]}
        for kind, count in most_first
        for stage, source, reason in [kind]
    ]


def _count_groups(lake: Lake, key: Key) -> Iterator[tuple[str, int, str]]:
    """Yield each reason, its count and first example, of each row group of a file."""
    with lake.reader(key) as reader:
        for group in reader.pieces():
            for counted in pc.value_counts(group["reason"]).to_pylist():
                first = pc.index(group["reason"], counted["values"]).as_py()
                [row] = group.slice(first, 1).to_pylist()
                yield row["reason"], counted["counts"], f"{row['what']}: {row['detail']}".removesuffix(": ")
