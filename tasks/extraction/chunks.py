"""Partition an archive into chunks of similar size; the result depends only on the archive and the target size."""

import posixpath
from collections.abc import Sequence
from itertools import groupby
from math import ceil
from typing import NamedTuple

from tasks.archives.archive import Member
from tasks.archives.market_files import market_of


class Chunk(NamedTuple):
    """The members one task handles.

    Attributes:
        number: From 1.
        members: In reading order: the archive's, but event files after all market files.
        elsewhere: If this chunk has event files: the other chunks' market files, which may contain the same markets.
    """

    number: int
    members: tuple[Member, ...]
    elsewhere: tuple[Member, ...] = ()

    @property
    def bytes(self) -> int:
        """The members' size, bytes as stored."""
        return sum(member.size for member in self.members)


def cut_into_chunks(members: Sequence[Member], chunk_bytes: int) -> list[Chunk]:
    """Cut an archive into chunks of about equal size.

    Copies of a market or event file that is shipped under two days stay in one chunk, so that duplicates are detected.

    Args:
        members: All members of the archive, in its order.
        chunk_bytes: Target size, bytes as stored.

    Returns:
        Chunks that contain every member once.
    """
    together: dict[str, list[Member]] = {}
    for member in members:
        together.setdefault(market_of(member.path) or posixpath.basename(member.path), []).append(member)
    total = sum(member.size for member in members)
    count = max(1, ceil(total / chunk_bytes))
    placed, before = [], 0
    for copies in together.values():
        size = sum(member.size for member in copies)
        middle = before + size / 2
        placed.append((min(count - 1, int(middle * count / total)) if total else 0, copies))
        before += size
    groups = [
        sorted((member for _, copies in group for member in copies), key=_is_event_file)
        for _, group in groupby(placed, key=lambda pair: pair[0])
    ]
    return [
        Chunk(number, tuple(group), _market_files(groups, number) if any(map(_is_event_file, group)) else ())
        for number, group in enumerate(groups, start=1)
    ]


def _market_files(groups: Sequence[Sequence[Member]], but: int) -> tuple[Member, ...]:
    others = (group for number, group in enumerate(groups, start=1) if number != but)
    return tuple(member for group in others for member in group if not _is_event_file(member))


def _is_event_file(member: Member) -> bool:
    return market_of(member.path) is None
