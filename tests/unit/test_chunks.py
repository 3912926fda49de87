"""Chunks: a partition of an archive by market type, balanced, in which copies of a market meet."""

import pytest

from tasks.archives.archive import Member
from tasks.archives.market_files import market_of
from tasks.extraction.chunks import cut_into_chunks


def market(number, day=1, size=100, market_type=""):
    return Member(f"PRO/2026/Jan/{day}/34/1.2000000{number:02d}.bz2", size, number * 1000, market_type=market_type)


def event(number, day=1, size=100):
    return Member(f"PRO/2026/Jan/{day}/{number}.bz2", size)


@pytest.mark.parametrize(
    ("path", "market_id"),
    [
        ("PRO/2026/Jan/1/34/1.200000001.bz2", "1.200000001"),
        ("1.200000001", "1.200000001"),
        ("a/1.200000001.gz", "1.200000001"),
        ("a/1.200000001.json", "1.200000001"),
        ("a/1.200000001.txt", "1.200000001"),
        ("PRO/2026/Jan/1/34/34000001.bz2", None),
        ("1.200000001/readme.txt", None),
        ("1.20000000.bz2", None),
        ("1.2000000011.bz2", None),
        ("1.200000001.bz2.part", None),
        ("", None),
    ],
)
def test_a_market_is_told_from_its_files_name(path, market_id):
    assert market_of(path) == market_id


def test_equal_markets_make_equal_chunks_in_the_archives_order():
    members = [market(n) for n in range(12)]
    chunks = cut_into_chunks(members, 300)
    assert [chunk.number for chunk in chunks] == [1, 2, 3, 4]
    assert [chunk.bytes for chunk in chunks] == [300] * 4
    assert [member for chunk in chunks for member in chunk.members] == members
    assert not any(chunk.elsewhere for chunk in chunks)


def test_one_chunk_where_all_fits():
    [chunk] = cut_into_chunks([market(1), market(2)], 10_000)
    assert chunk.members == (market(1), market(2))


def test_a_member_larger_than_a_chunk_is_not_split():
    chunks = cut_into_chunks([market(1), market(2, size=1000), market(3)], 100)
    assert sorted(len(chunk.members) for chunk in chunks) == [1, 1, 1]


def test_empty_members_alone():
    [chunk] = cut_into_chunks([market(1, size=0), market(2, size=0)], 100)
    assert len(chunk.members) == 2


def test_copies_under_two_days_meet():
    first, again = market(1, day=1), market(1, day=9)
    members = [first, *(market(n) for n in range(2, 12)), again]
    chunks = cut_into_chunks(members, 300)
    [together] = [chunk for chunk in chunks if first in chunk.members]
    assert again in together.members
    assert together.members.index(first) < together.members.index(again)


def test_copies_of_an_event_file_meet():
    members = [event(34, day=1), *(market(n) for n in range(12)), event(34, day=2)]
    [together] = [chunk for chunk in cut_into_chunks(members, 300) if event(34, day=1) in chunk.members]
    assert event(34, day=2) in together.members


def test_a_renamed_copy_meets_its_original():
    renamed = event(34)._replace(path="PRO/34000034 (1).json")
    original = event(34)._replace(path="PRO/34000034.json")
    members = [original, *(market(n) for n in range(12)), renamed]
    [together] = [chunk for chunk in cut_into_chunks(members, 300) if original in chunk.members]
    assert renamed in together.members


def test_event_files_come_after_market_files_and_know_what_is_elsewhere():
    members = [event(34), *(market(n) for n in range(5))]
    chunks = cut_into_chunks(members, 300)
    assert len(chunks) == 2
    with_event, without = chunks
    assert with_event.members[-1] == event(34)
    assert with_event.elsewhere == without.members
    assert without.elsewhere == ()


def test_a_chunk_is_of_one_type_and_those_of_none_come_last():
    types = ["WIN", "PLACE", "", "WIN", "PLACE", "WIN"]
    members = [event(34), *(market(n, market_type=type_) for n, type_ in enumerate(types))]
    chunks = cut_into_chunks(members, 200)
    assert [chunk.market_type for chunk in chunks] == ["PLACE", "WIN", "WIN", ""]
    assert all(member.market_type == chunk.market_type for chunk in chunks for member in chunk.members)
    assert set(chunks[-1].elsewhere) == {member for chunk in chunks[:-1] for member in chunk.members}


def test_copies_of_different_types_meet_among_those_of_none():
    members = [market(1, market_type="WIN"), market(1, day=9), market(2, market_type="WIN")]
    win, none = cut_into_chunks(members, 10_000)
    assert (win.members, none.members) == (tuple(members[2:]), tuple(members[:2]))
