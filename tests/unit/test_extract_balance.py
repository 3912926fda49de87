"""All that goes into a chunk comes out or is rejected, and where something is lost on the way, that is seen."""

import bz2

import pytest

from tasks.archives.identity import read_archive
from tasks.archives.manifest import find_manifest, read_manifest, reasons_left_out
from tasks.errors import ArchiveError, BalanceError, InputError
from tasks.extraction import extract as extraction
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import TAKEN, extract_chunk, extract_job, find_extracted, outputs
from tasks.extraction.stage import extract_chunk_task
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.datasets import CATALOGUE_MARKETS, MANIFESTS, MARKETS, REJECTS
from tasks.lake.store import Lake
from tasks.progress import Piece


def market(hand_made, number):
    return hand_made(f"1.20000000{number}").define(3600).prices(300, 11, 2.0, 2.1).close()


@pytest.fixture
def members(hand_made):
    good = [market(hand_made, number) for number in range(1, 8)]
    never_closes = hand_made("1.200000009").define(3600)
    return {
        "PRO/1.200000001.bz2": bz2.compress(good[0].raw),
        "PRO/2/1.200000001.bz2": bz2.compress(good[0].raw),
        "PRO/1.200000002.bz2": bz2.compress(good[2].raw),  # another market than its name says
        "PRO/34000001.bz2": bz2.compress(good[0].raw + good[3].raw + never_closes.raw + good[4].raw),
        "PRO/34000002.bz2": bz2.compress(good[5].raw + good[6].raw)[:-9],  # two markets, but none that can be read
        "PRO/heartbeats": b'{"op":"mcm","pt":1,"ct":"HEARTBEAT"}\n',
        "README.txt": b"Thank you for buying",
        "empty": b"",
    }


def job_of(members, write_tar, tmp_path):
    """The chunk of members whose type is not known, the event files among them."""
    lake = Lake(tmp_path / "lake")
    archive = read_archive(lake, write_tar(tmp_path / "month.tar", members))
    [_, chunk] = cut_into_chunks(archive.members, 10**9)
    return extract_job(lake, archive, chunk)


def test_members_and_their_markets_are_counted_as_they_go_in(extract, members):
    month = extract(members)
    # Of the event file four, of each of the others one.
    assert [find_extracted(job)[-1].notes for job in month.jobs] == [{TAKEN: "2"}, {TAKEN: "9"}]
    assert (len(month.catalogue), len(month.rejects)) == (3, 8)


def test_a_chunk_that_was_extracted_is_balanced(extract, members):
    for job in extract(members).jobs:
        assert extract_chunk_task.fn(job, 1, 2, None, Piece()).name == "Cached"


@pytest.mark.parametrize("dataset", [REJECTS, CATALOGUE_MARKETS], ids=lambda dataset: dataset.name)
def test_a_row_that_the_lake_lost_is_missed(extract, members, dataset):
    month = extract(members)
    [_, job] = month.jobs
    file = next(file for file in find_extracted(job) if file.path.startswith(dataset.name))
    [key] = [key for key in outputs(job) if key.dataset is dataset]
    rows = month.lake.read(key)
    month.lake.write(key, rows.slice(1), file.fingerprint, file.notes)
    with pytest.raises(BalanceError, match=r"extract month-\w+, chunk-0002: 9 went in"):
        extract_chunk_task.fn(job, 1, 1, None, Piece())


@pytest.mark.parametrize(("times", "read"), [(0, "5 of 6"), (2, "7 of 6")])
def test_a_member_that_is_skipped_or_read_twice_is_noticed(members, write_tar, tmp_path, monkeypatch, times, read):
    def read_otherwise(address, wanted):
        for member, raw in real(address, wanted):
            yield from [(member, raw)] * (times if member.path == "README.txt" else 1)

    job = job_of(members, write_tar, tmp_path)
    real = extraction.read_members
    monkeypatch.setattr(extraction, "read_members", read_otherwise)
    with pytest.raises(BalanceError, match=rf"extract month-\w+, chunk-0002: {read} members were read"):
        extract_chunk(job)
    assert find_extracted(job) is None


def test_a_market_that_is_lost_on_the_way_is_missed(members, write_tar, tmp_path, monkeypatch):
    def lose_one(path, *arguments, **named):
        found = real(path, *arguments, **named)
        if path == "PRO/34000001.bz2":
            next(found)
        yield from found

    real = extraction.read_markets
    monkeypatch.setattr(extraction, "read_markets", lose_one)
    job = job_of(members, write_tar, tmp_path)
    with pytest.raises(BalanceError, match="9 went in, but 8 came out or were rejected"):
        extract_chunk(job)
    assert find_extracted(job) is None


def test_a_manifest_names_every_member_and_why_it_was_left_out(extract, members):
    month = extract(members)
    rows = month.lake.read(MANIFESTS.at(month.archive.content)).to_pylist()
    assert {row["member"] for row in rows} == set(members)
    assert (month.manifest.markets, len(rows)) == (3, 11)
    assert all((row["market_id"] is None) != (row["reason"] is None) for row in rows)
    assert reasons_left_out(month.lake, month.manifest).total() == 8
    assert find_manifest(month.lake, month.archive) == month.manifest


def test_no_manifest_is_written_of_half_an_archive(extract, members):
    month = extract(members)
    [_, job] = month.jobs
    month.lake.delete(MANIFESTS.at(month.archive.content))
    [lost] = [key for key in outputs(job) if key.dataset is MARKETS]
    month.lake.delete(lost)
    with pytest.raises(BalanceError, match="chunk-0002: its files are gone"):
        write_manifest(month.lake, month.archive, month.jobs)
    extract_chunk(job)
    with pytest.raises(BalanceError, match="8 members are neither"):
        write_manifest(month.lake, month.archive, [])
    with pytest.raises(InputError, match=r"month\.tar is not completely extracted; run the"):
        read_manifest(month.lake, month.archive)


def test_a_market_in_event_files_of_two_chunks_is_refused(extract, hand_made):
    market = hand_made().define(60).close()
    with pytest.raises(ArchiveError, match=r"market 1\.200000001 is in both PRO/x\.bz2 and PRO/y\.bz2; remove one"):
        extract({f"PRO/{name}.bz2": bz2.compress(market.raw) for name in "xy"}, chunk_bytes=1)


def test_what_another_version_extracted_is_not_believed(extract, members, monkeypatch):
    month = extract(members)
    monkeypatch.setitem(extraction.EXTRACTED_BY, "version", 0)
    with pytest.raises(InputError, match=r"month\.tar was extracted by another version; run the extract stage"):
        read_manifest(month.lake, month.archive)
