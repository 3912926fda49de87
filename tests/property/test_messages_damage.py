"""Whatever happens to a member's bytes: the same messages come out, or a reject, and never another exception."""

import bz2
import gzip
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.extraction.messages import BadMemberError, decompress, read_messages

LINES = [b'{"op":"mcm","pt":%d,"mc":[{"id":"1.200000001","rc":[{"ltp":%d,"id":7}]}]}' % (n, n * n) for n in range(200)]
RAW = b"\n".join(LINES)
STORED = {"bz2": bz2.compress(RAW), "gzip": gzip.compress(RAW, mtime=0)}

kinds = st.sampled_from(sorted(STORED))


def messages_of(stored):
    try:
        return [message.raw for message in read_messages(stored)]
    except BadMemberError:
        return None


@settings(max_examples=200)
@given(kinds, st.data())
def test_a_flipped_bit_never_changes_a_message(kind, data):
    stored = bytearray(STORED[kind])
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert messages_of(bytes(stored)) in (None, LINES)


@settings(max_examples=100)
@given(kinds, st.data())
def test_a_cut_member_is_never_read(kind, data):
    stored = STORED[kind]
    assert messages_of(stored[: data.draw(st.integers(0, len(stored) - 1))]) is None


@given(st.binary(max_size=200))
def test_any_bytes_at_all(stored):
    messages_of(stored)
    messages_of(b"BZh9" + stored)
    messages_of(b"\x1f\x8b\x08" + stored)


@given(st.lists(st.binary(max_size=50).filter(bool), min_size=1), st.sampled_from([bz2.compress, gzip.compress]))
def test_streams_one_after_the_other_are_one(pieces, pack):
    assert decompress(b"".join(map(pack, pieces))) == b"".join(pieces)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["pt", "mc", "id", "rc"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=300)
@given(json_values)
def test_any_json_at_all(value):
    messages_of(json.dumps(value).encode())
