"""Which archive it is: told by its bytes, remembered for as long as its file is the same file."""

import os
import shutil
from pathlib import Path

import fsspec
import pytest

from tasks.archives import identity
from tasks.archives.archive import read_members
from tasks.archives.identity import check_archives, find_archive, read_archive
from tasks.errors import ArchiveError
from tasks.lake.store import Lake

MEMBERS = {"PRO/1/1.200000001.bz2": b"first", "PRO/1/1.200000002.bz2": b"second"}
OTHERS = {"PRO/1/1.200000001.bz2": b"first", "PRO/1/1.200000002.bz2": b"SECOND"}


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def folder(path, members=MEMBERS):
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


def count_reads(monkeypatch):
    """Archives that are read from now on."""
    read = []
    real = identity.read_index
    monkeypatch.setattr(identity, "read_index", lambda address: read.append(address) or real(address))
    return read


def test_the_same_members_are_the_same_archive_however_packed_and_called(lake, tmp_path, write_tar):
    addresses = [
        write_tar(tmp_path / "month.tar", MEMBERS),
        write_tar(tmp_path / "other.tar.gz", MEMBERS, "w:gz"),
        folder(tmp_path / "third"),
    ]
    archives = [read_archive(lake, address) for address in addresses]
    assert len({archive.content for archive in archives}) == 1
    assert [archive.name[:-8] for archive in archives] == ["month-", "other-", "third-"]


@pytest.mark.parametrize("others", [OTHERS, dict(reversed(MEMBERS.items())), {**MEMBERS, "more": b""}])
def test_other_members_are_another_archive(lake, tmp_path, write_tar, others):
    (tmp_path / "a").mkdir()
    one, other = write_tar(tmp_path / "data.tar", MEMBERS), write_tar(tmp_path / "a" / "data.tar", others)
    assert read_archive(lake, one).name != read_archive(lake, other).name


def test_an_archive_is_read_once(lake, tmp_path, write_tar, monkeypatch):
    address = write_tar(tmp_path / "month.tar", MEMBERS)
    assert find_archive(lake, address) is None
    read = count_reads(monkeypatch)
    first = read_archive(lake, address)
    assert read_archive(lake, address) == find_archive(lake, address) == first
    monkeypatch.chdir(tmp_path)
    assert read_archive(lake, "month.tar").content == first.content
    assert read == [address]
    assert [content for _, content in read_members(address, first.members)] == list(MEMBERS.values())


@pytest.mark.parametrize("kind", ["tar", "folder"])
def test_an_edit_that_keeps_size_and_time_is_another_archive(lake, tmp_path, write_tar, kind):
    pack = write_tar if kind == "tar" else folder
    path = tmp_path / ("month.tar" if kind == "tar" else "month")
    before = read_archive(lake, pack(path, MEMBERS))
    edited = path if kind == "tar" else path / "PRO/1/1.200000002.bz2"
    times = edited.stat()
    pack(path, OTHERS)
    os.utime(edited, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert edited.stat().st_size == times.st_size
    assert read_archive(lake, str(path)).content != before.content


def test_an_archive_that_was_put_in_the_place_of_another(lake, tmp_path, write_tar):
    (tmp_path / "new").mkdir()
    before = read_archive(lake, write_tar(tmp_path / "data.tar", MEMBERS))
    shutil.move(write_tar(tmp_path / "new" / "data.tar", OTHERS), tmp_path / "data.tar")
    assert read_archive(lake, before.address).content != before.content


def test_an_archive_on_an_object_store_is_told_by_what_the_store_says(lake, tmp_path, write_tar):
    store = fsspec.filesystem("memory")
    address = "memory://identity/month.tar"
    for members in (MEMBERS, OTHERS):
        store.pipe_file("/identity/month.tar", Path(write_tar(tmp_path / "month.tar", members)).read_bytes())
        archive = read_archive(lake, address)
        assert find_archive(lake, address) == archive
    store.rm("/identity/month.tar")
    with pytest.raises(ArchiveError, match="no such archive"):
        find_archive(lake, address)


def test_an_archive_that_changes_while_it_is_read(lake, tmp_path, write_tar, monkeypatch):
    address = write_tar(tmp_path / "month.tar", MEMBERS)
    real = identity.read_index

    def change_meanwhile(address):
        index = real(address)
        write_tar(tmp_path / "month.tar", OTHERS)
        return index

    monkeypatch.setattr(identity, "read_index", change_meanwhile)
    with pytest.raises(ArchiveError, match="changed while it was read"):
        read_archive(lake, address)
    assert find_archive(lake, address) is None


def test_a_member_that_is_another_than_was_read_is_refused(lake, tmp_path, write_tar):
    archive = read_archive(lake, write_tar(tmp_path / "month.tar", MEMBERS))
    write_tar(tmp_path / "month.tar", OTHERS)
    with pytest.raises(ArchiveError, match=r"1\.200000002\.bz2 changed since it was first read"):
        list(read_members(archive.address, archive.members))


def test_a_check_reads_archives_again(lake, tmp_path, write_tar, monkeypatch):
    same, edited, gone, newer = (write_tar(tmp_path / f"{n}.tar", MEMBERS) for n in ("same", "edited", "gone", "newer"))
    states = {address: address for address in (same, edited, newer)}
    monkeypatch.setattr(identity, "state_of", lambda address: states.get(str(Path(address).resolve()), ""))
    for address in (same, edited, newer):
        read_archive(lake, address)
    states[newer] = "another"
    write_tar(Path(edited), OTHERS)
    [problem] = check_archives(lake)
    assert problem.startswith(f"{edited}: its content changed, but not")
    assert find_archive(lake, edited) is None
    assert find_archive(lake, same)
    assert gone
