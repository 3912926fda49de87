"""Archives of every kind: the same members and bytes, whatever they are packed in; and what cannot be read."""

import bz2
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest

from tasks.archives.archive import archive_name, check_exists, read_index, read_members
from tasks.archives.identity import read_archive
from tasks.errors import ArchiveError
from tasks.lake.store import Lake
from tasks.rejects import Reject

MEMBERS = {
    "PRO/2026/Jan/1/34/1.200000001.bz2": bz2.compress(b"first" * 1000),
    "PRO/2026/Jan/1/34/1.200000002.bz2": bz2.compress(b"second"),
    "PRO/2026/Jan/2/35/1.200000003.gz": gzip.compress(b"third"),
    "PRO/2026/Jan/2/35/1.200000004": b"fourth, plain",
    "PRO/2026/Jan/2/35/1.200000005.bz2": b"",
}


def pack_zip(path, members=MEMBERS):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return str(path)


def pack_folder(path, members=MEMBERS):
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


def content_of(address):
    archive = read_index(address)
    return {member.path: content for member, content in read_members(address, archive.members)}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("month.tar", "w"),
        ("month.tar.gz", "w:gz"),
        ("month.tgz", "w:gz"),
        ("month.tar.bz2", "w:bz2"),
        ("month.tbz2", "w:bz2"),
        ("MONTH.TAR.GZ", "w:gz"),
        ("month.zip", "zip"),
        ("month", "folder"),
    ],
)
def test_every_kind_gives_the_same_members(tmp_path, write_tar, name, mode):
    pack = {"zip": pack_zip, "folder": pack_folder}.get(mode, lambda path: write_tar(path, MEMBERS, mode))
    address = pack(tmp_path / name)
    assert content_of(address) == MEMBERS
    assert [(m.path, m.size) for m in read_index(address).members] == [(n, len(c)) for n, c in MEMBERS.items()]


def test_an_archive_on_an_object_store(tmp_path, write_tar):
    packed = Path(write_tar(tmp_path / "month.tar", MEMBERS)).read_bytes()
    fsspec.filesystem("memory").pipe_file("/shelf/month.tar", packed)
    assert content_of("memory://shelf/month.tar") == MEMBERS


@pytest.mark.parametrize("name", ["1.200000001.bz2", "1.200000001.gz", "1.200000001.json", "1.200000001"])
def test_a_market_file_is_an_archive_of_itself(tmp_path, name):
    (tmp_path / name).write_bytes(b"a market, as stored")
    (tmp_path / "1.200000002.bz2").write_bytes(b"another")
    archive = read_index(str(tmp_path / name))
    assert [(member.path, member.size) for member in archive.members] == [(name, 19)]
    assert content_of(str(tmp_path / name)) == {name: b"a market, as stored"}


def test_a_market_file_on_an_object_store():
    fsspec.filesystem("memory").pipe_file("/shelf/34/1.200000001.bz2", b"a market")
    assert content_of("memory://shelf/34/1.200000001.bz2") == {"1.200000001.bz2": b"a market"}


def test_a_market_file_cut_after_it_was_listed(tmp_path):
    path = tmp_path / "1.200000001.bz2"
    path.write_bytes(b"a market")
    archive = read_index(str(path))
    path.write_bytes(b"a mark")
    with pytest.raises(ArchiveError, match=r"1\.200000001\.bz2"):
        read_again(str(path), archive)


def test_a_folder_that_is_called_like_a_market_is_a_folder(tmp_path):
    address = pack_folder(tmp_path / "1.200000009", {"1.200000001": b"a", "1.200000002": b"b"})
    assert content_of(address) == {"1.200000001": b"a", "1.200000002": b"b"}


def test_members_are_read_in_any_order_and_number(tmp_path, write_tar):
    for address in (
        write_tar(tmp_path / "a.tar", MEMBERS),
        write_tar(tmp_path / "b.tar.gz", MEMBERS, "w:gz"),
        pack_zip(tmp_path / "c.zip"),
        pack_folder(tmp_path / "d"),
    ):
        members = read_index(address).members
        wanted = [members[3], members[0]]
        assert [c for _, c in read_members(address, wanted)] == [MEMBERS[m.path] for m in wanted]
        assert list(read_members(address, [])) == []


def test_long_names_of_pax_and_gnu_tars(tmp_path):
    name = "PRO/" + "x" * 150 + "/1.200000001.bz2"
    for number, form in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        path = tmp_path / f"{number}.tar"
        with tarfile.open(path, "w", format=form) as tar:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"abc"))
        assert content_of(str(path)) == {name: b"abc"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file_is_rejected(tmp_path, kind):
    with tarfile.open(tmp_path / "month.tar", "w") as tar:
        tar.add(pack_folder(tmp_path / "PRO", {"1.200000001": b"a"}), "PRO")
        strange = tarfile.TarInfo("PRO/1.200000002.bz2")
        strange.type, strange.linkname = kind, "PRO/1.200000001"
        tar.addfile(strange)
    archive = read_index(str(tmp_path / "month.tar"))
    assert [member.path for member in archive.members] == ["PRO/1.200000001"]
    assert [(r.what, r.reason) for r in archive.rejects] == [("PRO/1.200000002.bz2", "not a regular file")]


@pytest.mark.parametrize("name", ["a?b.tar", "a*b.tar", "x::y", ".hidden"])
def test_a_name_that_cannot_lie_in_the_lake_is_to_be_changed(tmp_path, name):
    pack_folder(tmp_path / name, {"1.200000001.bz2": b"a"})
    with pytest.raises(ArchiveError, match=r"rename it|no such archive"):
        check_exists(str(tmp_path / name))


@pytest.mark.parametrize("leads_to", ["nowhere.bz2", "1.200000001.bz2"])
def test_a_link_within_a_folder_is_rejected_wherever_it_leads(tmp_path, leads_to):
    folder = Path(pack_folder(tmp_path / "PRO", {"1.200000001.bz2": b"a"}))
    (folder / "1.200000002.bz2").symlink_to(folder / leads_to)
    for archive in (read_index(str(folder)), read_archive(Lake(tmp_path / "lake"), str(folder))):
        assert [member.path for member in archive.members] == ["1.200000001.bz2"]
        assert [(r.what, r.reason) for r in archive.rejects] == [("1.200000002.bz2", "not a regular file")]


@pytest.mark.parametrize("name", ["PRO/2022/month.tar", "month.TAR.gz", "more.zip"])
def test_an_archive_within_a_folder_is_to_be_given_by_itself(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "1.200000001.bz2").write_bytes(b"x")
    archive = read_index(str(tmp_path))
    assert [member.path for member in archive.members] == ["1.200000001.bz2"]
    assert archive.rejects == (Reject(name, "an archive within the archive", "pass it to the run separately"),)


def test_a_name_that_is_not_utf8_is_rejected_readably(tmp_path):
    with tarfile.open(tmp_path / "month.tar", "w") as tar:
        for name in ("1.200000001", "caf\udce9/1.200000002", "\udcff.txt"):
            tar.addfile(tarfile.TarInfo(name))
        link = tarfile.TarInfo("lin\udceb")
        link.type = tarfile.SYMTYPE
        tar.addfile(link)
    archive = read_index(str(tmp_path / "month.tar"))
    assert [member.path for member in archive.members] == ["1.200000001"]
    assert sorted((r.what, r.reason) for r in archive.rejects) == [
        (r"\xff.txt", "its name is not UTF-8"),
        (r"caf\xe9/1.200000002", "its name is not UTF-8"),
        (r"lin\xeb", "not a regular file"),
    ]


def test_a_zip_with_a_name_that_is_not_utf8(tmp_path):
    path = tmp_path / "month.zip"
    pack_zip(path, {"café": b"a"})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    with pytest.raises(ArchiveError, match="damaged or incomplete"):
        read_index(str(path))


def test_encrypted_entries_of_a_zip_are_rejected(tmp_path):
    path = tmp_path / "month.zip"
    pack_zip(path, {"open": b"a", "locked": b"b"})
    packed = bytearray(path.read_bytes())
    directory = packed.rindex(b"PK\x01\x02")
    packed[directory + 8] |= 1
    path.write_bytes(packed)
    archive = read_index(str(path))
    assert [member.path for member in archive.members] == ["open"]
    assert [(r.what, r.reason) for r in archive.rejects] == [("locked", "encrypted")]


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a/../../escaped"])
def test_names_that_climb_are_read_but_never_written(tmp_path, write_tar, monkeypatch, name):
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    for address in (write_tar(here / "x.tar", {name: b"content"}), pack_zip(here / "x.zip", {name: b"content"})):
        assert list(content_of(address).values()) == [b"content"]
    assert not list(tmp_path.rglob("escaped"))
    assert not Path("/escaped").exists()


def test_hidden_files_of_a_folder_are_not_the_archives(tmp_path):
    address = pack_folder(tmp_path / "month", {"1.200000001": b"a", ".DS_Store": b"b", ".git/1.200000002": b"c"})
    assert content_of(address) == {"1.200000001": b"a"}
    # A market that is not read is named; what the system leaves is not.
    assert [(reject.what, reject.reason) for reject in read_index(address).rejects] == [(".git/1.200000002", "hidden")]


def assert_refused(address, *words):
    with pytest.raises(ArchiveError) as refused:
        read_index(address)
    text = str(refused.value)
    assert "\n" not in text
    assert address in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("name", ["month.tar", "month.tar.gz", "month.tar.bz2", "month.zip"])
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html><body>Sign in</body></html>" * 50])
def test_no_archive_behind_an_archives_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert_refused(str(tmp_path / name), "download or copy it again")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_a_cut_tar(tmp_path, write_tar, mode):
    path = Path(
        write_tar(
            tmp_path / f"month.tar{mode[1:].replace(':', '.')}",
            {f"1.20000000{n}": bytes(99_999) for n in range(5)},
            mode,
        )
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(str(path), "download or copy it again")


def test_a_cut_zip(tmp_path):
    path = Path(pack_zip(tmp_path / "month.zip"))
    path.write_bytes(path.read_bytes()[:-30])
    assert_refused(str(path), "download or copy it again")


def entries_of(path):
    with tarfile.open(path) as tar:
        return [entry.offset for entry in tar]


@pytest.mark.parametrize(
    "beyond_a_header",
    [
        pytest.param(0, id="between two members"),
        pytest.param(300, id="within a header"),
    ],
)
def test_a_tar_cut_where_a_member_begins(tmp_path, write_tar, beyond_a_header):
    path = Path(write_tar(tmp_path / "month.tar", MEMBERS))
    path.write_bytes(path.read_bytes()[: entries_of(path)[3] + beyond_a_header])
    assert_refused(str(path), "download or copy it again")


def test_a_tar_with_a_damaged_header(tmp_path, write_tar):
    path = Path(write_tar(tmp_path / "month.tar", MEMBERS))
    content = bytearray(path.read_bytes())
    content[entries_of(path)[2]] ^= 0xFF
    path.write_bytes(content)
    assert_refused(str(path), "download or copy it again")


BLOCK = tarfile.BLOCKSIZE


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda tar, at: tar[: at[2]] + bytes(BLOCK) + tar[at[2] + BLOCK :], id="a header of zeros"),
        pytest.param(lambda tar, at: tar[: at[2]] + bytes(2 * BLOCK) + tar[at[2] + 2 * BLOCK :], id="two blocks"),
        pytest.param(lambda tar, _: tar + tar, id="two tars joined"),
        pytest.param(lambda tar, at: tar[: at[2] + BLOCK + 10] + bytes(len(tar) - at[2] - BLOCK - 10), id="no tail"),
        pytest.param(lambda tar, _: tar + b"<html>", id="text after the end"),
        pytest.param(lambda tar, at: tar[: at[-1] + 2 * BLOCK], id="no end"),
        pytest.param(lambda tar, _: tar + bytes(1 << 20), id="zeros after the end"),
    ],
)
def test_a_tar_is_read_to_its_true_end(tmp_path, write_tar, ending, spoil):
    members = {f"1.20000000{n}": bytes([n]) * (20_000 if n > 2 else 300) for n in range(1, 6)}
    path = tmp_path / f"month{ending}"
    whole = Path(write_tar(tmp_path / "whole.tar", members))
    spoiled = spoil(whole.read_bytes(), entries_of(whole))
    path.write_bytes(gzip.compress(spoiled) if ending.endswith("gz") else spoiled)
    assert_refused(str(path), "download or copy it again")


def test_a_tar_that_ends_as_other_programs_let_it_end(tmp_path, write_tar):
    path = Path(write_tar(tmp_path / "month.tar", MEMBERS))
    end = entries_of(path)[-1] + BLOCK
    for zeros in (2 * BLOCK, 3 * BLOCK, 20 * BLOCK):
        path.write_bytes(path.read_bytes()[:end] + bytes(zeros))
        assert content_of(str(path)) == MEMBERS


@pytest.mark.parametrize(
    "after", [lambda more: b"X" + more[1:], lambda more: bytes(4096) + more, lambda more: more[:9]]
)
def test_what_follows_a_whole_stream_of_bz2_is_no_end(tmp_path, write_tar, after):
    first = bz2.compress(Path(write_tar(tmp_path / "a.tar", MEMBERS)).read_bytes())
    second = bz2.compress(Path(write_tar(tmp_path / "b.tar", {"1.200000009": b"x"})).read_bytes())
    path = tmp_path / "month.tar.bz2"
    path.write_bytes(first)
    assert content_of(str(path)) == MEMBERS
    path.write_bytes(first + after(second))
    assert_refused(str(path), "damaged or incomplete", "download or copy it again")


def test_a_zip_with_the_beginning_of_another_behind_it(tmp_path):
    first, second = Path(pack_zip(tmp_path / "a.zip")), Path(pack_zip(tmp_path / "b.zip", {"1.200000009": b"x"}))
    with zipfile.ZipFile(first, "a") as archive:
        archive.comment = b"a month"
    assert content_of(str(first)) == MEMBERS
    (tmp_path / "month.zip").write_bytes(first.read_bytes() + second.read_bytes()[:40])
    assert_refused(str(tmp_path / "month.zip"), "data after its end", "download or copy it again")


def test_two_zips_joined(tmp_path):
    first, second = Path(pack_zip(tmp_path / "a.zip")), Path(pack_zip(tmp_path / "b.zip", {"1.200000009": b"x"}))
    (tmp_path / "month.zip").write_bytes(first.read_bytes() + second.read_bytes())
    assert_refused(str(tmp_path / "month.zip"), "data before its first entry", "download or copy it again")


def test_nothing_there(tmp_path):
    assert_refused(str(tmp_path / "month.tar"), "no such archive")


@pytest.mark.parametrize("name", ["month.rar", "month.7z", "month.csv", "month", "1.20000001.bz2", "34.bz2"])
def test_an_unknown_kind(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert_refused(str(tmp_path / name), ".tar.gz", ".zip")


def test_an_unknown_protocol():
    with pytest.raises(ArchiveError, match="nosuch"):
        check_exists("nosuch://shelf/month.tar")


def test_nothing_in_it(tmp_path, write_tar):
    (tmp_path / "month").mkdir()
    for address in (
        str(tmp_path / "month"),
        write_tar(tmp_path / "a.tar", {}),
        pack_zip(tmp_path / "a.zip", {}),
    ):
        assert_refused(address, "no files")


def read_again(address, archive):
    return list(read_members(address, archive.members))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_a_tar_cut_after_it_was_listed(tmp_path, write_tar, mode):
    path = Path(write_tar(tmp_path / f"month.tar{mode[1:].replace(':', '.')}", MEMBERS, mode))
    archive = read_index(str(path))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArchiveError, match="month"):
        read_again(str(path), archive)


def test_a_zip_damaged_after_it_was_listed(tmp_path):
    path = Path(pack_zip(tmp_path / "month.zip"))
    archive = read_index(str(path))
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="month"):
        read_again(str(path), archive)


@pytest.mark.parametrize("pack", [pack_zip, pack_folder])
def test_a_member_gone_after_it_was_listed(tmp_path, pack):
    archive = read_index(pack(tmp_path / "before.zip"))
    pack(tmp_path / "after.zip", {"another": b"x"})
    with pytest.raises(ArchiveError, match="after"):
        read_again(str(tmp_path / "after.zip"), archive)


@pytest.mark.parametrize("pack", [pack_zip, pack_folder])
def test_a_member_cut_after_it_was_listed(tmp_path, pack):
    address = pack(tmp_path / "month.zip")
    archive = read_index(address)
    pack(tmp_path / "month.zip", {**MEMBERS, "PRO/2026/Jan/2/35/1.200000004": b"four"})
    with pytest.raises(ArchiveError, match="month"):
        read_again(address, archive)


def test_a_zip_packed_in_a_way_python_cannot_undo(tmp_path):
    path = Path(pack_zip(tmp_path / "month.zip", {"1.200000001": b"a"}))
    content = bytearray(path.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 8, content.index(b"PK\x01\x02") + 10):
        content[start] = 9  # Deflate64
    path.write_bytes(content)
    archive = read_index(str(path))
    with pytest.raises(ArchiveError, match="month"):
        read_again(str(path), archive)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("2022_03_MarGreyhoundsPro.tar", "2022_03_MarGreyhoundsPro"),
        ("a/b/2022_03.tar.gz", "2022_03"),
        ("s3://bucket/months/2022_03.TAR.BZ2", "2022_03"),
        ("C:\\data\\2022_03.zip", "2022_03"),
        ("inbox/2022_03/", "2022_03"),
        ("v1.5.tar", "v1.5"),
        ("PRO/2022/Mar/1/34/1.200806927.bz2", "1.200806927"),
        ("s3://bucket/1.200806927", "1.200806927"),
    ],
)
def test_names(address, name):
    assert archive_name(address) == name
