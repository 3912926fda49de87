"""A reject: a file, row or market that was left out, and why. Rejects are values until a stage writes them down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa

from tasks.lake.datasets import REJECTS
from tasks.lake.fingerprint import digest
from tasks.lake.store import Lake


class Reject(NamedTuple):
    """Something that was left out.

    Attributes:
        what: The thing, as its user would look it up: a member's path, a market id, `row 17`.
        reason: Why, in a few words that are the same for all alike, so that rejects can be counted by reason.
        detail: What was seen: the error's text, the value, the other file.
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
    """Which files of rejects are a run's.

    Attributes:
        stage: The stage.
        source: The archive or ratings model.
        names: Files, by their names without ending; one that is not there has none.
    """

    stage: str
    source: str
    names: tuple[str, ...]


def as_table(rejects: Iterable[Reject]) -> pa.Table:
    """Make rows of the dataset `rejects`.

    Args:
        rejects: In the order in which they were met.

    Returns:
        A row each.
    """
    return pa.Table.from_pylist([reject._asdict() for reject in rejects], REJECTS.schema)


def write_down(lake: Lake, stage: str, source: str, rejects: Iterable[Reject], name: str) -> int:
    """Keep the rejects of a whole stage, in the place of those that a run before left.

    Args:
        source: The archive or ratings model.
        rejects: All of this name; none deletes what was there.
        name: The file's name without its ending.

    Returns:
        How many there are.
    """
    rows, key = list(rejects), REJECTS.at(stage, source, name)
    decided_by = digest("\0".join(row).encode() for row in rows)
    if not rows:
        lake.delete(key)
    elif not lake.fresh(key, decided_by):
        lake.write(key, as_table(rows), decided_by)
    return len(rows)


def by_archive(of_variants: Iterable[Iterable[Reject]], archive_of: Mapping[str, str]) -> dict[str, list[Reject]]:
    """Divide markets that are rejects of some variants by archive, each market once.

    Args:
        of_variants: Each variant's.
        archive_of: By market.

    Returns:
        By archive, in the order in which they were met.
    """
    divided: dict[str, list[Reject]] = {}
    for reject in {reject.what: reject for of_variant in of_variants for reject in of_variant}.values():
        divided.setdefault(archive_of[reject.what], []).append(reject)
    return divided


def count_rejects(lake: Lake, sources: Iterable[RejectSource]) -> list[dict[str, object]]:
    """Count what was left out, by reason.

    Args:
        sources: Where to look.

    Returns:
        stage, source, reason, count and an example of each, the most frequent first.
    """
    counted: dict[tuple[str, str, str], tuple[int, str]] = {}
    for stage, source, names in sources:
        found = [key for key in (REJECTS.at(stage, source, name) for name in names) if lake.find(key)]
        for row in (row for file in found for row in lake.read(file).to_pylist()):
            key = (stage, source, row["reason"])
            count, example = counted.get(key, (0, f"{row['what']}: {row['detail']}".removesuffix(": ")))
            counted[key] = (count + 1, example)
    most_first = sorted(counted.items(), key=lambda item: (-item[1][0], item[0]))
    return [
        {"stage": stage, "source": source, "reason": reason, "count": count, "for example": example}
        for (stage, source, reason), (count, example) in most_first
    ]
