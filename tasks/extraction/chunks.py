"""Partition an archive into chunks of similar size, each of one market type.

The result depends only on the archive and the target size, never on which types a run asks for.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import ceil
from typing import NamedTuple

from tasks.archives.archive import Member
from tasks.archives.market_files import copies_of, market_of


class Chunk(NamedTuple):
    """The members one task handles.

    Attributes:
        number: From 1.
        members: In reading order: the archive's, but event files after all market files.
        market_type: Of all its members' first definitions; empty for those whose type is not known, event files among
            them.
        elsewhere: If this chunk has event files: the other chunks' market files, which may contain the same markets.
    """

    number: int
    members: tuple[Member, ...]
    market_type: str
    elsewhere: tuple[Member, ...] = ()

    @property
    def bytes(self) -> int:
        """The members' size, bytes as stored."""
        return sum(member.size for member in self.members)


def cut_into_chunks(members: Sequence[Member], chunk_bytes: int) -> list[Chunk]:
    """Cut an archive into chunks of about equal size.

    Copies of a market or event file, shipped under two days or renamed, stay in one chunk, so that duplicates are
    detected; copies of different types count as of none.

    Args:
        members: All members of the archive, in its order.
        chunk_bytes: Target size, bytes as stored.

    Returns:
        Chunks that contain every member once, by type, those of none last.
    """
    together: dict[str, list[Member]] = {}
    for member in members:
        together.setdefault(copies_of(member.path), []).append(member)
    of_type: defaultdict[str, list[list[Member]]] = defaultdict(list)
    for copies in together.values():
        types = {member.market_type for member in copies}
        of_type[types.pop() if len(types) == 1 else ""].append(copies)
    known = sorted(of_type, key=lambda market_type: (not market_type, market_type))
    cut = [(market_type, group) for market_type in known for group in _cut(of_type[market_type], chunk_bytes)]
    groups = [group for _, group in cut]
    return [
        Chunk(
            number, tuple(group), market_type, _market_files(groups, number) if any(map(_is_event_file, group)) else ()
        )
        for number, (market_type, group) in enumerate(cut, start=1)
    ]


def _cut(together: Sequence[Sequence[Member]], chunk_bytes: int) -> Iterator[list[Member]]:
    sizes = [sum(member.size for member in copies) for copies in together]
    total = sum(sizes)
    count = max(1, ceil(total / chunk_bytes))
    placed, before = [], 0
    for copies, size in zip(together, sizes, strict=True):
        middle = before + size / 2
        placed.append((min(count - 1, int(middle * count / total)) if total else 0, copies))
        before += size
    for _, group in groupby(placed, key=lambda pair: pair[0]):
        yield sorted((member for _, copies in group for member in copies), key=_is_event_file)


def _market_files(groups: Sequence[Sequence[Member]], but: int) -> tuple[Member, ...]:
    others = (group for number, group in enumerate(groups, start=1) if number != but)
    return tuple(member for group in others for member in group if not _is_event_file(member))


def _is_event_file(member: Member) -> bool:
    return market_of(member.path) is None
