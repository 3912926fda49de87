"""Only the market types that are asked for are extracted; the others are named, and done when somebody asks."""

import bz2
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from lakes import written
from manifests import extract_whole
from small_markets import market

from tasks.aggregation.notices import left_out
from tasks.archives.catalogue import read_catalogue
from tasks.archives.identity import read_archive
from tasks.archives.manifest import (
    find_manifest,
    read_manifest,
    read_not_asked,
    reasons_left_out,
    say_not_extracted,
    types_not_asked,
)
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.errors import BalanceError, InputError
from tasks.extraction.extract import extract_chunk, find_extracted
from tasks.extraction.stage import plan_extraction
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.datasets import CATALOGUE_MARKETS, MANIFESTS
from tasks.lake.store import Lake
from tasks.ratings.days import left_out_name
from tasks.ratings.unmatched import why_unmatched

TYPES = {1: "WIN", 2: "PLACE", 3: "WIN", 4: "PLACE", 5: "EACH_WAY"}


def ids(*numbers):
    return {f"1.90000000{n}" for n in numbers}


@pytest.fixture
def members():
    packed = {n: bz2.compress(market(f"1.90000000{n}", market_type=type_)) for n, type_ in TYPES.items()}
    packed[4] = packed[4][:-9]
    return {f"PRO/1.90000000{n}.bz2": raw for n, raw in packed.items()}


@pytest.fixture
def address(members, write_tar, tmp_path):
    return write_tar(tmp_path / "month.tar", members)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def extract(lake, address, *types, chunk_bytes=10**9):
    return extract_whole(lake, address, chunk_bytes, market_types=types)[-1]


def extracted(lake, manifest):
    return set(read_catalogue(lake, manifest)["market_id"])


def test_what_was_not_asked_for_is_named_and_not_extracted(lake, address):
    manifest = extract(lake, address, "win")
    assert extracted(lake, manifest) == ids(1, 3)
    assert {row["market_id"] for key in lake.all_keys(CATALOGUE_MARKETS) for row in lake.read(key).to_pylist()} == ids(
        1, 3
    )
    rows = lake.read(MANIFESTS.at(manifest.content, ["WIN"])).to_pylist()
    assert [row["member"] for row in rows if not row["market_id"]] == [f"PRO/1.90000000{n}.bz2" for n in (2, 4, 5)]
    assert all(row["digest"] and row["bytes"] and not row["reason"] for row in rows)
    assert {row["member"]: row["market_type"] for row in rows} == {
        f"PRO/1.90000000{n}.bz2": type_ for n, type_ in TYPES.items()
    }
    assert set(read_not_asked(lake, manifest)) == {f"PRO/1.90000000{n}.bz2" for n in (2, 4, 5)}


def test_types_that_are_asked_for_later_are_added(lake, address):
    win = extract(lake, address, "WIN")
    before = written(Path(lake.root))
    place = extract(lake, address, "PLACE")
    assert extracted(lake, place) == ids(2)
    both = extract(lake, address, "PLACE", "WIN")
    assert extracted(lake, both) == ids(1, 2, 3)
    assert extracted(lake, win) == ids(1, 3)
    after = written(Path(lake.root))
    assert {name: after[name] for name in before} == before
    assert extract(lake, address).markets == 4


def test_damage_in_another_type_is_seen_by_who_asks_for_it(lake, address):
    assert not reasons_left_out(lake, extract(lake, address, "WIN"))
    assert reasons_left_out(lake, extract(lake, address, "PLACE")) == {"cut short": 1}
    assert reasons_left_out(lake, extract(lake, address, "EACH_WAY", "PLACE")) == {"cut short": 1}
    assert not reasons_left_out(lake, extract(lake, address, "WIN"))


def test_what_says_no_type_at_its_beginning_is_always_extracted(lake, members, write_tar, tmp_path):
    event = market("1.900000006", market_type="PLACE") + b"\n" + market("1.900000007")
    more = {**members, "PRO/1.900000008.bz2": b"BZh9 damaged", "PRO/34.bz2": bz2.compress(event)}
    address = write_tar(tmp_path / "more.tar", more)
    for types, numbers in ((["PLACE"], [2, 6, 7]), (["WIN"], [1, 3, 6, 7]), (["NONE_SUCH"], [6, 7])):
        manifest = extract(lake, address, *types)
        assert extracted(lake, manifest) == ids(*numbers)
        assert reasons_left_out(lake, manifest)["damaged"] == 1
        assert "PRO/34.bz2" not in read_not_asked(lake, manifest)


def test_an_extraction_of_all_types_serves_for_some(lake, address):
    extract(lake, address)
    archive = read_archive(lake, address)
    before = written(Path(lake.root))
    win = read_manifest(lake, archive, ["WIN"])
    assert extracted(lake, win) == ids(1, 3)
    assert not reasons_left_out(lake, win)
    assert Counter(read_not_asked(lake, win).values()) == {"PLACE": 2, "EACH_WAY": 1}
    assert extract(lake, address, "WIN") == win
    assert written(Path(lake.root)) == before


def test_one_that_was_killed_is_gone_on_with(lake, address):
    extract(lake, address, "WIN")
    archive = read_archive(lake, address)
    first, second = plan_extraction(lake, archive, 10**9, "80s", ["PLACE", "EACH_WAY"])
    extract_chunk(first)
    with pytest.raises(
        InputError, match=r"month\.tar is not completely extracted \(market types EACH_WAY, PLACE\); run the extract"
    ):
        read_manifest(lake, archive, ["PLACE", "EACH_WAY"])
    with pytest.raises(BalanceError, match="its files are gone"):
        write_manifest(lake, archive, [first, second], ["PLACE", "EACH_WAY"])
    with pytest.raises(BalanceError, match="2 members are neither extracted nor rejected"):
        write_manifest(lake, archive, [first], ["PLACE", "EACH_WAY"])
    assert extracted(lake, read_manifest(lake, archive, ["WIN"])) == ids(1, 3)
    before = written(Path(lake.root))
    assert extracted(lake, extract(lake, address, "PLACE", "EACH_WAY")) == ids(2, 5)
    after = written(Path(lake.root))
    assert {name: after[name] for name in before} == before


def test_chunks_of_another_size_leave_nothing_of_the_former(lake, address):
    extract(lake, address)
    win = extract(lake, address, "WIN", chunk_bytes=1)
    assert len(win.chunks) == 2
    assert extracted(lake, win) == ids(1, 3)
    # That of EACH_WAY, the first, is the same in both.
    assert {key.name for key in lake.all_keys(CATALOGUE_MARKETS)} == {"chunk-0001", "chunk-0004", "chunk-0005"}
    assert find_manifest(lake, read_archive(lake, address)) is None
    assert extracted(lake, extract(lake, address, "PLACE", chunk_bytes=1)) == ids(2)
    assert extracted(lake, win) == ids(1, 3)


def test_a_file_that_is_lost_costs_its_chunk(lake, address):
    both = extract(lake, address, "WIN", "PLACE")
    before = written(Path(lake.root))
    place, win = plan_extraction(lake, read_archive(lake, address), 10**9, "80s", ["WIN", "PLACE"])
    lake.delete(CATALOGUE_MARKETS.at(both.archive, place.chunk.number))
    assert find_extracted(win)
    assert extract(lake, address, "PLACE", "WIN") == both
    after = written(Path(lake.root))
    assert {name for name in after if after[name] != before[name]} == {
        name for name in before if f"chunk={place.chunk.number}/" in name or f"chunk-000{place.chunk.number}" in name
    }


@pytest.mark.parametrize("before", [[], ["WIN"]])
def test_a_run_says_what_it_has_not_looked_at(lake, address, before):
    extract(lake, address, *before)
    (win,) = left_out(lake, [extract(lake, address, "WIN")])
    assert win.endswith(
        " 3 markets of other types not extracted for this run (2 PLACE, 1 EACH_WAY): what may be damaged in them is "
        "not seen"
    )
    left, others = left_out(lake, [extract(lake, address, "PLACE")])
    assert left.endswith(" 1 market can be replayed, 1 left out: 1 cut short")
    assert "3 markets of other types" in others
    (everything,) = left_out(lake, [extract(lake, address)])
    assert everything.endswith(" 4 markets can be replayed, 1 left out: 1 cut short")


def test_a_check_tells_what_nobody_asked_for(lake, address):
    assert list(say_not_extracted(lake)) == []
    name = extract(lake, address, "WIN").archive
    said = f"{name}: 3 members not extracted, since no run asked for their type: 2 PLACE, 1 EACH_WAY"
    assert list(say_not_extracted(lake)) == [said]
    extract(lake, address, "PLACE")
    assert list(say_not_extracted(lake)) == [
        f"{name}: 1 members not extracted, since no run asked for their type: 1 EACH_WAY"
    ]
    extract(lake, address)
    assert list(say_not_extracted(lake)) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"market_types": ["QUINELLA"]}, r"\(--market-type QUINELLA\); available are types EACH_WAY, PLACE, WIN$"),
        (
            {"market_types": ["PLACE"], "countries": ["ZZ"]},
            "types EACH_WAY, PLACE, WIN; days 2023-11-14 to 2023-11-14$",
        ),
        (
            {"market_types": ["PLACE"], "market_ids": ["1.900000003"]},
            r"market 1\.900000003 does not pass the other filters: its market_type is WIN",
        ),
        ({"market_types": ["PLACE"], "market_ids": ["1.900000009"]}, r"market 1\.900000009 is not in month"),
    ],
)
def test_what_is_asked_for_in_vain_is_told_of_all_types(lake, address, wanted, said):
    asked = MarketFilter(**wanted)
    manifest = extract(lake, address, *asked.types_that_filter)
    with pytest.raises(InputError, match=said):
        select_markets(lake, [manifest], asked)


def test_ratings_of_other_types_are_told_as_that(lake, address):
    manifest = extract(lake, address, "WIN")
    rated = [("1.900000002", "all", 2), ("1.900000009", "all", 1)]
    dates = dict(read_catalogue(lake, manifest)[["market_id", "market_date"]].itertuples(index=False, name=None))
    assert [*why_unmatched(rated, dates, types_not_asked(lake, [manifest]))] == [
        ("1.900000002", "rated, but of another market type", "PLACE, 2 runners"),
        ("1.900000009", "rated, but in no archive of the run", "1 runners"),
    ]
    names = {left_out_name([extract(lake, address, *types).title], ["all"]) for types in ([], ["WIN"], ["PLACE"])}
    assert len(names) == 3


def test_a_manifest_names_the_files_that_were_extracted_and_not_those_of_a_copy(lake, address):
    """A lake may have an archive under two names, and have lost the files of either."""
    archive, jobs, _ = extract_whole(lake, address)
    for key in lake.all_keys(CATALOGUE_MARKETS):
        lake.delete(key)
    renamed = archive._replace(name=f"copy-{archive.content[:8]}")
    jobs = [replace(job, archive=renamed.name) for job in jobs]
    for job in jobs:
        extract_chunk(job)
    manifest = write_manifest(lake, renamed, jobs)
    assert manifest == read_manifest(lake, renamed)
    assert extracted(lake, manifest) == ids(1, 2, 3, 5)
