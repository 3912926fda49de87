"""Laws of arrival: whatever an archive holds, no beginning of it passes for the whole."""

import io
import tarfile
import zipfile

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.arrival.inbox import State, judge, watch

INBOX = "memory://laws"

archives = st.dictionaries(
    st.integers(0, 99).map("PRO/1.2000000{:02d}.bz2".format), st.binary(max_size=2000), min_size=1, max_size=6
)


def pack_tar(members, mode="w"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def pack_zip(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def state_of(name, content):
    store = fsspec.filesystem("memory")
    store.pipe_file(f"/laws/{name}", content)
    try:
        (candidate,) = watch(INBOX, settle_seconds=0)
        return judge(candidate).state
    finally:
        store.rm("/laws", recursive=True)


@settings(max_examples=200)
@given(archives, st.data())
def test_a_tar_is_whole_from_its_end_on_and_never_before(members, data):
    packed = pack_tar(members)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        end = max(entry.offset_data + -(-entry.size // 512) * 512 for entry in archive)
    # Half of the cuts where it matters, by the end.
    size = data.draw(st.integers(0, len(packed)) | st.integers(max(0, end - 600), end + 1200))
    assert state_of("month.tar", packed[:size]) == (State.WHOLE if size >= end + 512 else State.ARRIVING)


PACKED = {
    "month.tar.gz": lambda members: pack_tar(members, "w:gz"),
    "month.tar.bz2": lambda members: pack_tar(members, "w:bz2"),
    "month.zip": pack_zip,
}


@settings(max_examples=100)
@pytest.mark.parametrize("name", PACKED)
@given(members=archives, data=st.data())
def test_no_beginning_of_a_compressed_archive_is_whole(name, members, data):
    packed = PACKED[name](members)
    size = data.draw(st.integers(0, len(packed) - 1) | st.integers(len(packed) - 30, len(packed) - 1))
    assert state_of(name, packed[:size]) == State.ARRIVING
    assert state_of(name, packed) == State.WHOLE
