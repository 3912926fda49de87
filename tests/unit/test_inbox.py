"""What lies in the inbox: archives of every kind, whole, still arriving or broken, and what is none."""

import errno
import os
import shutil
import socket
import sys
import tarfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tasks.archives.archive import read_index
from tasks.arrival.inbox import State, judge, make_inbox, watch
from tasks.errors import ArchiveError, InputError

MEMBERS = {f"PRO/2026/Jan/1/34/1.20000000{n}.bz2": os.urandom(3000) for n in range(5)}
AN_HOUR_AGO = time.time() - 4000
HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>" * 50


def pack_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
    return path


def pack_folder(path):
    for name, content in MEMBERS.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.fixture
def pack(tmp_path, write_tar):
    """Put a whole archive into the inbox, of the kind its name says."""

    def pack(name):
        path = tmp_path / name
        if name.endswith(".zip"):
            return pack_zip(path)
        if "." not in name:
            return pack_folder(path)
        compression = {"gz": ":gz", "z2": ":bz2"}.get(name[-2:], "")
        return Path(write_tar(path, MEMBERS, f"w{compression}"))

    return pack


def make_old(path, seconds=0):
    os.utime(path, (AN_HOUR_AGO + seconds, AN_HOUR_AGO + seconds))


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def look(inbox, sleep=lambda _seconds: None, **patience):
    """Names and states, oldest first."""
    return [(Path(c.address).name, judge(c, **patience).state) for c in watch(str(inbox), sleep=sleep)]


def only_verdict(inbox):
    (candidate,) = watch(str(inbox), settle_seconds=0)
    verdict = judge(candidate)
    assert verdict.sentence.startswith(f"{candidate.address}: ")
    assert "\n" not in verdict.sentence
    return verdict


KINDS = ["month.tar", "month.tar.gz", "month.tgz", "month.tar.bz2", "month.tbz2", "month.zip", "month"]


@pytest.mark.parametrize("name", [*KINDS, "MONTH.TAR"])
def test_a_whole_archive_of_every_kind(pack, tmp_path, name):
    path = pack(name.lower())
    path.rename(tmp_path / name)
    (candidate,) = watch(str(tmp_path), settle_seconds=0)
    assert candidate.address == f"{tmp_path}/{name}"
    assert candidate.name.lower() == "month"
    assert judge(candidate).state == State.WHOLE


def test_an_unpacked_tar_keeps_its_name(pack, tmp_path):
    (tmp_path / "big").mkdir()
    pack_folder(tmp_path / "big").joinpath("1.200000009").write_bytes(bytes(1 << 21))
    (tmp_path / "big").rename(tmp_path / "month.tar")
    assert look(tmp_path) == [("month.tar", State.WHOLE)]


def test_oldest_first(pack, tmp_path):
    for name, seconds in (("b.tar", 30), ("c.zip", 10), ("a.tar", 30), ("d.tar.gz", 20)):
        make_old(pack(name), seconds)
    assert [name for name, _ in look(tmp_path)] == ["c.zip", "d.tar.gz", "a.tar", "b.tar"]


def test_what_is_no_archive_is_not_looked_at(pack, tmp_path):
    for name in ("README.md", "a.tar.part", "a.tar.crdownload", ".a.tar", "a.csv", "a.tar.aria2"):
        (tmp_path / name).write_bytes(b"x")
    pack(".hidden")
    (tmp_path / "ratings").mkdir()
    (tmp_path / "ratings" / "2026-01-01.csv").write_text("x")
    shutil.move(pack("done.tar"), tmp_path / "ratings")
    assert not watch(str(tmp_path), sleep=lambda _seconds: pytest.fail("there is nothing to wait for"))


def test_one_wait_for_all(pack, tmp_path):
    waits = []
    for name in ("a.tar", "b.zip", "c"):
        pack(name)
    assert len(watch(str(tmp_path), settle_seconds=7, sleep=waits.append)) == 3
    assert waits == [7]


@pytest.mark.parametrize("name", KINDS)
def test_what_grows_between_the_looks_is_still_arriving(pack, tmp_path, name):
    path = pack(name)
    grows = path / "PRO" / "1.200000009.bz2" if path.is_dir() else path

    def someone_copies(_seconds):
        with grows.open("ab") as file:
            file.write(bytes(512))

    assert look(tmp_path, someone_copies) == [(name, State.ARRIVING)]


def test_what_is_replaced_by_as_many_bytes_is_still_arriving(pack, tmp_path):
    path = pack("month.tar")
    assert look(tmp_path, lambda _seconds: make_old(path)) == [("month.tar", State.ARRIVING)]


def test_what_comes_and_goes_between_the_looks_is_left_for_the_next(pack, tmp_path):
    path = pack("gone.tar")

    def someone_moves(_seconds):
        path.rename(tmp_path / "new.tar")

    assert look(tmp_path, someone_moves) == []


@pytest.mark.parametrize("name", [name for name in KINDS if "." in name])
def test_without_its_end_it_is_arriving_while_young_and_broken_when_old(pack, tmp_path, name):
    path = pack(name)
    cut(path, path.stat().st_size * 2 // 3)
    young = only_verdict(tmp_path)
    assert young.state == State.ARRIVING
    assert "is incomplete" in young.sentence
    make_old(path)
    old = only_verdict(tmp_path)
    assert old.state == State.BROKEN
    assert "copy it again" in old.sentence
    assert look(tmp_path, patience_seconds=1e6) == [(name, State.ARRIVING)]


@pytest.mark.parametrize("name", ["month.tar.gz", "month.tar.bz2"])
def test_a_compressed_tar_without_the_end_of_its_stream(pack, tmp_path, name):
    path = pack(name)
    cut(path, path.stat().st_size - 4)
    make_old(path)
    assert only_verdict(tmp_path).state == State.BROKEN


@pytest.mark.parametrize("name", [name for name in KINDS if "." in name])
@pytest.mark.parametrize("content", [b"", HTML], ids=["empty", "html"])
def test_what_is_no_archive_behind_an_archives_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert only_verdict(tmp_path).state == State.ARRIVING
    make_old(path)
    assert only_verdict(tmp_path).state == State.BROKEN


@pytest.mark.parametrize("blocks", [1, 2, 20, 22])
def test_a_tar_may_be_padded_as_its_writer_likes(pack, tmp_path, blocks):
    path = pack("month.tar")
    with tarfile.open(path) as archive:
        end = max(entry.offset_data + entry.size for entry in archive)
    cut(path, end + -end % 512)
    with path.open("ab") as file:
        file.write(bytes(512 * blocks))
    make_old(path)
    assert only_verdict(tmp_path).state == State.WHOLE


def test_space_that_a_copy_has_reserved_is_not_an_end(tmp_path, write_tar):
    path = Path(write_tar(tmp_path / "month.tar", {f"1.20000000{n}": os.urandom(800_000) for n in range(4)}))
    with tarfile.open(path) as archive:
        second = archive.getmembers()[1].offset
    with path.open("r+b") as file:
        file.seek(second)
        file.write(bytes(path.stat().st_size - second))
    assert only_verdict(tmp_path).state == State.ARRIVING
    make_old(path)
    verdict = only_verdict(tmp_path)
    assert verdict.state == State.BROKEN
    assert "zero bytes: an unfinished copy" in verdict.sentence


def test_two_of_one_name_are_two(pack, tmp_path):
    make_old(pack("month.zip"))
    pack("month.tar")
    assert look(tmp_path) == [("month.zip", State.WHOLE), ("month.tar", State.WHOLE)]


def faults(inbox):
    """Names of what is not opened, each with the reason."""
    return {Path(c.address).name: c.fault for c in watch(str(inbox), settle_seconds=0) if c.fault}


def test_a_file_tells_its_size_and_time(pack, tmp_path):
    path = pack("month.tar")
    make_old(path)
    (candidate,) = watch(str(tmp_path), settle_seconds=0)
    assert candidate.bytes == path.stat().st_size
    assert candidate.modified == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    assert judge(candidate).state == State.WHOLE


@pytest.mark.parametrize("name", ["a=b.tar", "a?b.tar", "a:b.zip"])
def test_a_name_that_cannot_lie_in_the_lake_is_a_fault(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert faults(tmp_path)[name].endswith("rename it")


def test_a_folder_of_such_a_name_is_a_fault_if_it_has_markets(tmp_path):
    for name in ("month=1", "mine=1"):
        (tmp_path / name).mkdir()
    (tmp_path / "month=1" / "1.200000001.bz2").write_bytes(b"x")
    assert faults(tmp_path).keys() == {"month=1"}


def test_links_are_not_followed(pack, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name, to in {"file.tar": pack("month.tar"), "folder.tar": pack("month"), "folder": pack("month")}.items():
        (inbox / name).symlink_to(to)
    (inbox / "README").symlink_to("/etc/passwd")
    said = faults(inbox)
    assert said.keys() == {"file.tar", "folder.tar"}
    assert all(fault.startswith("a link, ") for fault in said.values())
    pack("month").rename(inbox / "real")
    (inbox / "real" / "1.200000009.bz2").symlink_to(inbox / "real" / next(iter(MEMBERS)))
    assert look(inbox)[-1] == ("real", State.WHOLE)
    archive = read_index(str(inbox / "real"))
    assert len(archive.members) == len(MEMBERS)
    assert [(reject.what, reject.reason) for reject in archive.rejects] == [("1.200000009.bz2", "not a regular file")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.timeout(60)
def test_pipes_and_sockets_are_not_opened(pack, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name in ("pipe.tar", "pipe.zip", "pipe.tar.gz", "1.200000001.bz2"):
        os.mkfifo(inbox / name)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(inbox / "socket.tar"))
        pack("month").rename(inbox / "real")
        os.mkfifo(inbox / "real" / "1.200000009.bz2")
        said = faults(inbox)
        assert said.keys() == {"pipe.tar", "pipe.zip", "pipe.tar.gz", "socket.tar"}
        assert all(fault.startswith("a pipe, a socket or a device") for fault in said.values())
        assert ("real", State.WHOLE) in look(inbox)
    with pytest.raises(InputError, match="a file, not an inbox"):
        watch(str(inbox / "pipe.tar"))
    with pytest.raises(ArchiveError, match=r"pipe\.tar: a pipe, a socket or a device"):
        read_index(str(inbox / "pipe.tar"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_said_readably(pack, tmp_path):
    pack("month.tar").rename(tmp_path / "caf\udce9.tar")
    assert faults(tmp_path) == {r"caf\xe9.tar": "its name is not UTF-8; rename it"}


class Hanging(MemoryFileSystem):
    """A store that does not answer when it is asked for what is called `hung`, or anything within `dead`."""

    protocol = "hanging"
    store: ClassVar = {}
    pseudo_dirs: ClassVar = [""]
    answers = threading.Event()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("hanging:/"))

    def info(self, path, **more):
        if "hung" in path:
            self.answers.wait()
        if "broken" in path:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return super().info(path, **more)

    def _open(self, path, mode="rb", **more):
        if "slow" in path and mode == "rb":
            self.answers.wait()
        return super()._open(path, mode, **more)

    def ls(self, path, detail=True, **more):
        if "dead" in path:
            self.answers.wait()
        return super().ls(path, detail, **more)


@pytest.fixture
def hanging():
    fsspec.register_implementation("hanging", Hanging, clobber=True)
    Hanging.answers.clear()
    yield fsspec.filesystem("hanging")
    Hanging.answers.set()


@pytest.mark.timeout(120)
def test_what_does_not_answer_fails_alone(pack, hanging):
    whole = pack("whole.tar").read_bytes()
    for name in ("broken.tar", "hung.tar", "slow.tar", "whole.tar"):
        hanging.pipe_file(f"/inbox/{name}", whole)
    broken, hung, slow, whole = sorted(watch("hanging://inbox", settle_seconds=0, look_seconds=2))
    assert hung.address == "hanging://inbox/hung.tar"
    assert hung.fault.startswith("was not read within 2 s; ")
    assert broken.fault == "cannot be read (Stale file handle)"
    assert judge(whole).state == State.WHOLE
    verdict = judge(slow, look_seconds=1)
    assert verdict.state == State.BROKEN
    assert verdict.sentence.startswith("hanging://inbox/slow.tar: was not read within 1 s; ")


@pytest.mark.timeout(120)
def test_an_inbox_that_does_not_answer_is_said(hanging):
    hanging.pipe_file("/dead/a.tar", b"")
    with pytest.raises(InputError, match=r"^hanging://dead: did not answer within 1 s"):
        watch("hanging://dead", look_seconds=1)
    with pytest.raises(InputError, match=r"^hanging://hung: did not answer within 1 s"):
        make_inbox("hanging://hung", look_seconds=1)


def test_an_inbox_in_an_object_store(pack):
    store = fsspec.filesystem("memory")
    whole = pack("whole.tar").read_bytes()
    for name, content in (("whole.tar", whole), ("cut.tar", whole[:2000]), ("grows.tar", whole[:2000])):
        store.pipe_file(f"/arriving/{name}", content)
    for name, content in MEMBERS.items():
        store.pipe_file(f"/arriving/folder/{name}", content)
    states = dict(look("memory://arriving", lambda _seconds: store.pipe_file("/arriving/grows.tar", whole)))
    assert states == {
        "whole.tar": State.WHOLE,
        "cut.tar": State.ARRIVING,
        "grows.tar": State.ARRIVING,
        "folder": State.WHOLE,
    }
    assert dict(look("memory://arriving", patience_seconds=0))["cut.tar"] == State.BROKEN


@pytest.mark.parametrize("inbox", ["memory://nothing/here", "{tmp_path}/nothing/here"])
def test_no_inbox_is_an_empty_one(tmp_path, inbox):
    address = inbox.format(tmp_path=tmp_path)
    assert watch(address) == []
    make_inbox(address)
    make_inbox(address)
    assert watch(address) == []
    assert (tmp_path / "nothing" / "here").is_dir() == ("{" in inbox)


@pytest.mark.parametrize(
    ("inbox", "said"),
    [("nosuch://inbox", "nosuch"), ("{file}", "a file, not an inbox")],
)
def test_what_cannot_be_an_inbox(pack, inbox, said):
    address = inbox.format(file=pack("month.tar"))
    for refuses in (watch, make_inbox):
        with pytest.raises(InputError, match=said):
            refuses(address)
