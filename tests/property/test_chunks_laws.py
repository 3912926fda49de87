"""Laws of chunks, for archives of any shape."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.archives.archive import Member
from tasks.archives.market_files import market_of
from tasks.extraction.chunks import cut_into_chunks

names = st.builds(
    "PRO/{}/{}.bz2".format,
    st.integers(1, 3),
    st.integers(0, 40).map("1.2000000{:02d}".format) | st.integers(34, 37).map(str),
)
members = st.tuples(names, st.integers(0, 5000), st.sampled_from(["WIN", "PLACE", ""]))
archives = st.lists(members, min_size=1, max_size=60, unique_by=lambda m: m[0]).map(
    lambda listed: [
        Member(name, size, offset, market_type=market_type if market_of(name) else "")
        for offset, (name, size, market_type) in enumerate(listed)
    ]
)
sizes = st.integers(1, 20_000)


@settings(max_examples=200)
@given(archives, sizes)
def test_every_member_is_in_one_chunk(members, chunk_bytes):
    chunks = cut_into_chunks(members, chunk_bytes)
    assert Counter(m for chunk in chunks for m in chunk.members) == Counter(members)
    assert [chunk.number for chunk in chunks] == list(range(1, len(chunks) + 1))
    assert all(chunk.members for chunk in chunks)
    assert cut_into_chunks(members, chunk_bytes) == chunks


@settings(max_examples=200)
@given(archives, sizes)
def test_chunks_are_of_the_size_aimed_at_give_or_take_one_market(members, chunk_bytes):
    chunks = cut_into_chunks(members, chunk_bytes)
    copies = Counter()
    for m in members:
        copies[market_of(m.path) or m.path.rsplit("/", 1)[1]] += m.size
    assert all(chunk.bytes <= chunk_bytes + max(copies.values()) for chunk in chunks)
    for market_type in ("WIN", "PLACE", ""):
        of_type = [chunk.bytes for chunk in chunks if chunk.market_type == market_type]
        assert len(of_type) <= max(1, -(-sum(of_type) // chunk_bytes))


@settings(max_examples=200)
@given(archives, sizes)
def test_a_type_is_found_in_its_own_chunks_or_among_those_of_none(members, chunk_bytes):
    for chunk in cut_into_chunks(members, chunk_bytes):
        assert chunk.market_type in {"", *(m.market_type for m in chunk.members)}
        assert not chunk.market_type or len({m.market_type for m in chunk.members}) == 1


@settings(max_examples=200)
@given(archives, sizes)
def test_a_market_is_in_one_chunk_and_its_event_files_know(members, chunk_bytes):
    chunks = cut_into_chunks(members, chunk_bytes)
    homes = {}
    for chunk in chunks:
        for m in chunk.members:
            homes.setdefault(m.path.rsplit("/", 1)[1], set()).add(chunk.number)
    assert all(len(found) == 1 for found in homes.values())
    for chunk in chunks:
        own = {market_of(m.path) for m in chunk.members}
        others = {market_of(m.path) for m in members} - own - {None}
        assert {market_of(member.path) for member in chunk.elsewhere} == (others if None in own else set())
        kinds = [market_of(m.path) is None for m in chunk.members]
        assert kinds == sorted(kinds)
