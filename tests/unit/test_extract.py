"""A chunk of an archive into the lake: every message byte for byte, every bad member a reject, nothing lost."""

import bz2
import gzip
import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from tasks.archives.identity import read_archive
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_chunk, extract_job, find_extracted, outputs
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS, REJECTS
from tasks.lake.fingerprint import digest

GOOD = "PRO/2026/Jan/2/34000001/1.200000001.bz2"


def packed(market):
    return bz2.compress(market.raw)


def whole(hand_made, market_id="1.200000001", **definition):
    market = hand_made(market_id).define(3600, **definition)
    return market.prices(300, 11, 2.0, 2.1).tick(100, {"id": 11, "trd": [[2.0, 10]], "ltp": 2.0, "tv": 10}).close()


# Messages


def test_messages_are_kept_byte_for_byte_and_in_order(sample_lake, markets):
    kept = sample_lake.lake.read(MARKETS.at(sample_lake.archive.name, 1)).to_pylist()
    for market in markets.values():
        mine = [row for row in kept if row["market_id"] == market.id]
        assert [row["message"].encode() + b"\n" for row in mine] == market.lines
        assert [row["publish_time"] for row in mine] == [orjson.loads(line)["pt"] for line in market.lines]


def test_a_row_group_is_a_market(sample_lake, markets):
    path = Path(sample_lake.lake.root) / outputs(sample_lake.jobs[0])[0].path
    with pq.ParquetFile(path) as parquet:
        groups = [set(parquet.read_row_group(n)["market_id"].to_pylist()) for n in range(parquet.num_row_groups)]
    assert groups == [{market.id} for market in markets.values()]


def test_markets_of_an_event_file_are_kept_apart(extract, hand_made):
    first, second = whole(hand_made, "1.200000001"), whole(hand_made, "1.200000002")
    mixed = [line for pair in zip(first.lines, second.lines, strict=True) for line in pair]
    month = extract({"PRO/34000001.bz2": bz2.compress(b"\n".join(mixed))})
    rows = month.lake.read(MARKETS.at(month.archive.name, 1)).to_pylist()
    assert [row["message"].encode() for row in rows] == first.lines + second.lines
    assert {row["market_id"] for row in month.catalogue} == {"1.200000001", "1.200000002"}


def test_a_market_with_two_changes_in_one_message_is_a_reject(extract, hand_made):
    first, second = whole(hand_made, "1.200000001"), whole(hand_made, "1.200000002")
    message = orjson.loads(first.lines[-1])
    first.lines[-1] = orjson.dumps({**message, "mc": [{"id": first.id, "rc": []}, *message["mc"]]})
    month = extract({"PRO/34000001.bz2": bz2.compress(b"\n".join([*first.lines, *second.lines]))})
    assert [row["market_id"] for row in month.catalogue] == [second.id]
    assert month.rejects == [("PRO/34000001.bz2", "two changes in one message")]


def test_chunks_hold_all_markets_once(extract, markets):
    members = {market.member: market.packed for market in markets.values()}
    month = extract(members, chunk_bytes=30_000)
    assert len(month.jobs) > 2
    assert sorted(row["member"] for row in month.catalogue) == sorted(members)
    for row in month.catalogue:
        [job] = [job for job in month.jobs if row["member"] in {member.path for member in job.chunk.members}]
        assert row["chunk"] == job.chunk.number
        ids = month.lake.read(MARKETS.at(month.archive.name, row["chunk"]))["market_id"].to_pylist()
        assert ids.count(row["market_id"]) == row["messages"]


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, bytes])
def test_members_of_every_kind(extract, hand_made, pack):
    month = extract({"PRO/1.200000001": pack(whole(hand_made).raw)})
    assert [row["market_id"] for row in month.catalogue] == ["1.200000001"]
    assert month.rejects == []


# Bad members


def unclosed(hand_made):
    return hand_made().define(3600).prices(300, 11, 2.0, 2.1).raw


def late_definition(hand_made):
    market = whole(hand_made)
    return b"\n".join(market.lines[1:2] + market.lines[:1] + market.lines[2:])


def cut(hand_made):
    return packed(whole(hand_made))[:-8]


def bad_json(hand_made):
    return whole(hand_made).raw + b'{"op":'


def another_type(hand_made):
    market = hand_made().define(3600)
    market.definition["marketType"] = "PLACE"
    return market.close().raw


BAD = {
    "another type in the end": ("another market type in the end", another_type),
    "empty": ("empty", lambda _: b""),
    "empty bz2": ("empty", lambda _: bz2.compress(b"")),
    "no definition at the start": ("no definition at the start", late_definition),
    "truncated": ("cut short", cut),
    "bad JSON": ("bad JSON", bad_json),
    "never closes": ("never closes", unclosed),
    "another market inside": (
        "another market than its name says",
        lambda hand_made: whole(hand_made, "1.200000007").raw,
    ),
    "HTML": ("bad JSON", lambda _: b"<html>Sign in</html>"),
    "not messages": ("not a stream message", lambda _: b'{"a":1}'),
    "heartbeats alone": ("no market in it", lambda _: b'{"op":"mcm","pt":1,"ct":"HEARTBEAT"}\n'),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_member_is_a_reject_and_stops_nothing(extract, hand_made, kind):
    reason, make = BAD[kind]
    members = {
        "PRO/1.200000002.bz2": packed(whole(hand_made, "1.200000002")),
        "PRO/1.200000001.bz2": make(hand_made),
        "PRO/1.200000003.bz2": packed(whole(hand_made, "1.200000003")),
    }
    month = extract(members)
    assert [row["market_id"] for row in month.catalogue] == ["1.200000002", "1.200000003"]
    assert month.rejects == [("PRO/1.200000001.bz2", reason)]
    kept = month.lake.read(MARKETS.at(month.archive.name, 1))
    assert set(kept["market_id"].to_pylist()) == {"1.200000002", "1.200000003"}


def test_what_is_no_market_at_all(extract, hand_made):
    month = extract({"README.txt": b"Thank you for buying", "PRO/1.200000001.bz2": packed(whole(hand_made))})
    assert len(month.catalogue) == 1
    assert month.rejects == [("README.txt", "bad JSON")]


def test_a_month_with_nothing_good(extract):
    month = extract({"a": b"", "b": b"x"})
    assert month.catalogue == []
    assert month.runners == []
    assert len(month.rejects) == 2
    assert find_extracted(month.jobs[0])


def test_a_market_twice_is_taken_once(extract, hand_made):
    good = packed(whole(hand_made))
    month = extract({"PRO/1/1.200000001.bz2": good, "PRO/2/1.200000001.bz2": good})
    assert [row["member"] for row in month.catalogue] == ["PRO/1/1.200000001.bz2"]
    assert month.rejects == [("PRO/2/1.200000001.bz2", "market twice")]


def test_a_damaged_first_copy_gives_way_to_the_second(extract, hand_made):
    good = packed(whole(hand_made))
    month = extract({"PRO/1/1.200000001.bz2": good[:-9], "PRO/2/1.200000001.bz2": good})
    assert [row["member"] for row in month.catalogue] == ["PRO/2/1.200000001.bz2"]
    assert month.rejects == [("PRO/1/1.200000001.bz2", "cut short")]


@pytest.mark.parametrize("chunk_bytes", [10**9, 400])
def test_event_files_beside_market_files(extract, hand_made, chunk_bytes):
    both = [whole(hand_made, f"1.20000000{n}") for n in (1, 2)]
    alone = whole(hand_made, "1.200000003")
    members = {
        "PRO/34000001.bz2": bz2.compress(b"".join(market.raw for market in [*both, alone])),
        **{f"PRO/{market.id}.bz2": packed(market) for market in both},
    }
    month = extract(members, chunk_bytes)
    assert len(month.jobs) == (2 if chunk_bytes > 400 else 3)
    homes = {row["market_id"]: row["member"] for row in month.catalogue}
    assert homes == {
        "1.200000001": "PRO/1.200000001.bz2",
        "1.200000002": "PRO/1.200000002.bz2",
        "1.200000003": "PRO/34000001.bz2",
    }
    assert month.rejects == [("PRO/34000001.bz2", "market twice")] * 2


def test_a_market_whose_own_file_is_damaged_is_taken_from_the_event_file(extract, hand_made):
    good = whole(hand_made)
    month = extract({"PRO/1.200000001.bz2": packed(good)[:-9], "PRO/34000001.bz2": packed(good)})
    assert [row["member"] for row in month.catalogue] == ["PRO/34000001.bz2"]
    assert month.rejects == [("PRO/1.200000001.bz2", "cut short")]


def test_nor_is_it_lost_where_the_two_are_in_different_chunks(extract, hand_made):
    good, other = whole(hand_made), whole(hand_made, "1.200000002")
    members = {"PRO/1.200000001.bz2": packed(good)[:-9], "PRO/34000001.bz2": packed(good), "PRO/x.bz2": packed(other)}
    month = extract(members, chunk_bytes=400)
    assert len(month.jobs) > 1
    assert {row["market_id"] for row in month.catalogue} == {"1.200000001", "1.200000002"}


def test_one_good_copy_of_several_is_enough_for_another_chunk_to_leave_the_market(extract, hand_made):
    good, other = packed(whole(hand_made)), packed(whole(hand_made, "1.200000002"))
    copies = {"PRO/1/1.200000001.bz2": good, "PRO/2/1.200000001.bz2": good[:-9]}
    month = extract({**copies, "PRO/34000001.bz2": good, "PRO/x.bz2": other}, chunk_bytes=400)
    assert len(month.jobs) > 1
    homes = sorted((row["market_id"], row["member"]) for row in month.catalogue)
    assert homes == [("1.200000001", "PRO/1/1.200000001.bz2"), ("1.200000002", "PRO/x.bz2")]


def test_a_bad_market_does_not_take_the_others_of_its_event_file_along(extract, hand_made):
    good, never = whole(hand_made, "1.200000001"), hand_made("1.200000002").define(3600)
    odd = whole(hand_made, "1.20000000")
    month = extract({"PRO/34000001.bz2": good.raw + never.raw + odd.raw})
    assert [row["market_id"] for row in month.catalogue] == ["1.200000001"]
    assert sorted(reason for _, reason in month.rejects) == ["bad market id", "never closes"]


ODD = {
    "a runner without id": {"runners": [{"status": "ACTIVE"}]},
    "a runner's id a word": {"runners": [{"status": "ACTIVE", "id": "dog"}]},
    "no runners": {"runners": None},
    "no market time": {"marketTime": None},
    "a market time that is none": {"marketTime": "tomorrow"},
    "winners a word": {"numberOfWinners": "one"},
    "a base rate a word": {"marketBaseRate": "seven"},
    "a name that is a number": {"name": 7},
    "no event id": {"eventId": None},
    "no event type": {"eventTypeId": None},
    "a runner of no status": {"runners": [{"status": None, "sortPriority": 1, "id": 11, "name": "1. Dog"}]},
}


def extract_odd(extract, hand_made, definition):
    members = {
        "PRO/1.200000001.bz2": packed(whole(hand_made, "1.200000001", **definition)),
        "PRO/1.200000002.bz2": packed(whole(hand_made, "1.200000002")),
    }
    return extract(members)


@pytest.mark.parametrize("definition", ODD.values(), ids=ODD)
def test_odd_content_is_a_reject(extract, hand_made, definition, monkeypatch):
    monkeypatch.setattr(hand_made, "close", close_as_is)
    month = extract_odd(extract, hand_made, definition)
    assert [row["market_id"] for row in month.catalogue] == ["1.200000002"]
    assert month.rejects == [("PRO/1.200000001.bz2", "bad content")]


ODDER = {
    "a runner twice": {"runners": [{"status": "ACTIVE", "id": 11}, {"status": "ACTIVE", "id": 11}]},
    "an event id that is a number": {"eventId": 34000001},
    "a venue that is a number": {"venue": 7},
    "a race number beyond all": {"name": "R99999 400m Gr5"},
    "winners beyond all": {"numberOfWinners": 10**6},
}


@pytest.mark.parametrize("definition", ODDER.values(), ids=ODDER)
def test_what_does_not_fit_the_catalogue_is_a_reject(extract, hand_made, definition, monkeypatch):
    monkeypatch.setattr(hand_made, "close", close_as_is)
    month = extract_odd(extract, hand_made, definition)
    assert "1.200000002" in [row["market_id"] for row in month.catalogue]
    assert len(month.catalogue) + len(month.rejects) == 2


@pytest.mark.parametrize("publish_time", ["99999999999999999999", "1e300"])
def test_a_publish_time_beyond_all_is_a_reject(extract, hand_made, publish_time):
    good = whole(hand_made)
    line = b'{"op":"mcm","pt":%s,"mc":[{"id":"1.200000001","rc":[]}]}\n' % publish_time.encode()
    month = extract({"PRO/1.200000001.bz2": good.raw + line, "PRO/1.200000002": whole(hand_made, "1.200000002").raw})
    assert "1.200000002" in [row["market_id"] for row in month.catalogue]
    assert len(month.catalogue) + len(month.rejects) == 2


def close_as_is(self, seconds=-60):  # what the definition says of runners may be anything
    return self.define(seconds, status="CLOSED")


# Catalogue


def of(rows, market):
    return [row for row in rows if row["market_id"] == market.id]


def test_the_catalogue_of_a_market(sample_lake, markets):
    market = markets["usual"]
    race, [row] = market.race, of(sample_lake.catalogue, market)
    settled = row.pop("settled_time")
    assert timedelta(seconds=40) < settled - race.off_time < timedelta(seconds=100)
    assert row == {
        "market_id": race.market_id,
        "event_id": race.event_id,
        "event_name": race.event_name,
        "event_type_id": "4339",
        "venue": "Larkfield",
        "country_code": "AU",
        "market_type": "WIN",
        "market_name": race.name,
        "race_number": race.number,
        "race_distance": race.distance,
        "race_grade": race.grade,
        "market_time": race.market_time,
        "announced": [race.market_time],
        "market_date": date(2026, 1, 1),
        "off_time": race.off_time,
        "market_base_rate": 7.0,
        "discount_allowed": True,
        "betting_type": "ODDS",
        "each_way_divisor": None,
        "amended": False,
        "late_withdrawal": False,
        "late_small_withdrawal": False,
        "withdrawal_corrected": False,
        "bsp_market": True,
        "number_of_winners": 1,
        "runners": 8,
        "total_matched": None,
        "messages": len(market.lines),
        "bytes": len(market.raw) - len(market.lines),
        "digest": digest(line.rstrip(b"\n") for line in market.lines),
        "member": market.member,
        "chunk": 1,
    }


def test_a_name_that_says_less(sample_lake, markets):
    [row] = of(sample_lake.catalogue, markets["british"])
    assert row["market_name"] == markets["british"].race.name
    assert (row["race_number"], row["race_distance"], row["race_grade"]) == (None, None, None)
    assert (row["country_code"], row["market_base_rate"]) == ("GB", 5.0)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("R3 452m Gr5", (3, 452, "Gr5")),
        ("R12 1200m Listed", (12, 1200, "Listed")),
        ("R3 452m", (3, 452, None)),
        ("R10 515m Gr4/5 Final", (10, 515, "Gr4/5 Final")),
        ("A6 400m", (None, None, None)),
        ("To Be Placed", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_race_names(extract, hand_made, name, parsed):
    [row] = extract({GOOD: packed(whole(hand_made, name=name))}).catalogue
    assert (row["race_number"], row["race_distance"], row["race_grade"]) == parsed
    assert row["market_name"] == name


@pytest.mark.parametrize("kind", ["postponed", "late", "withdrawn"])
def test_a_delayed_start(sample_lake, markets, kind):
    race, [row] = markets[kind].race, of(sample_lake.catalogue, markets[kind])
    assert row["market_time"] == race.market_time + timedelta(seconds=race.postponed_seconds)
    assert row["off_time"] == race.off_time


def test_the_off_is_the_turn_to_in_play(extract, hand_made):
    market = (
        hand_made().define(3600).define(-12, inPlay=True).define(-30, status="SUSPENDED").define(-40, status="OPEN")
    )
    [row] = extract({GOOD: packed(market.close(-90))}).catalogue
    assert row["off_time"] == market.off + timedelta(seconds=12)


def test_a_market_without_off_or_settlement(extract, hand_made):
    market = hand_made().define(3600).define(-60, status="CLOSED", runners=[])
    [row] = extract({GOOD: packed(market)}).catalogue
    assert row["off_time"] is None
    assert row["settled_time"] == market.off + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("off", "timezone", "day"),
    [
        (datetime(2026, 1, 1, 12, 30, tzinfo=UTC), "Australia/Sydney", date(2026, 1, 1)),
        (datetime(2026, 1, 1, 14, 30, tzinfo=UTC), "Australia/Sydney", date(2026, 1, 2)),
        (datetime(2026, 1, 1, 14, 30, tzinfo=UTC), "Europe/London", date(2026, 1, 1)),
        (datetime(2026, 6, 1, 23, 30, tzinfo=UTC), "Europe/London", date(2026, 6, 2)),
        (datetime(2026, 1, 2, 3, 0, tzinfo=UTC), "America/New_York", date(2026, 1, 1)),
        (datetime(2026, 1, 1, 14, 30, tzinfo=UTC), "Nowhere/At_All", date(2026, 1, 1)),
        (datetime(2026, 1, 1, 14, 30, tzinfo=UTC), None, date(2026, 1, 1)),
    ],
)
def test_the_day_is_that_of_the_track(extract, hand_made, off, timezone, day):
    market = hand_made(off=off, timezone=timezone).define(3600).close()
    [row] = extract({GOOD: packed(market)}).catalogue
    assert row["market_date"] == day
    assert row["market_time"] == off


def test_what_a_definition_may_lack(extract, hand_made):
    market = whole(hand_made)
    optional = {"venue", "countryCode", "marketType", "name", "eventName", "openDate", "suspendTime"}
    for number, line in enumerate(market.lines):
        message = json.loads(line)
        definition = message["mc"][0].get("marketDefinition", {})
        for field in optional & definition.keys():
            del definition[field]
        market.lines[number] = orjson.dumps(message)
    [row] = extract({GOOD: packed(market)}).catalogue
    assert {row[c] for c in ("venue", "country_code", "market_type", "market_name", "event_name")} == {None}


def test_runners(sample_lake, markets):
    race, rows = markets["usual"].race, of(sample_lake.runners, markets["usual"])
    assert [(row["selection_id"], row["number"], row["name"]) for row in rows] == [
        (runner.selection_id, runner.box, runner.name) for runner in race.runners
    ]
    assert [row["selection_id"] for row in rows if row["status"] == "WINNER"] == [race.winner]
    assert {row["status"] for row in rows} == {"WINNER", "LOSER"}
    assert {row["handicap"] for row in rows} == {0.0}
    assert [row["sort_priority"] for row in rows] == list(range(1, 9))
    assert 0.97 < sum(1 / row["bsp"] for row in rows) < 1.03


def test_a_removed_runner(sample_lake, markets):
    race, rows = markets["withdrawn"].race, of(sample_lake.runners, markets["withdrawn"])
    [row] = [row for row in rows if row["status"] == "REMOVED"]
    assert row["selection_id"] == race.withdrawal.selection_id
    assert row["bsp"] is None
    [market] = of(sample_lake.catalogue, markets["withdrawn"])
    assert market["runners"] == len(race.runners)


def test_traded_volume_is_that_before_settlement(sample_lake, markets):
    for market in markets.values():
        ladders = {}
        for line in market.lines[:-2]:
            for change in orjson.loads(line)["mc"][0]["rc"]:
                ladders.setdefault(change["id"], {}).update(map(tuple, change.get("trd", ())))
        for row in of(sample_lake.runners, market):
            assert row["traded"] == pytest.approx(sum(ladders[row["selection_id"]].values()), abs=0.01)
            assert row["traded"] > 0


def test_an_image_replaces_what_was_traded(extract, hand_made):
    market = hand_made().define(3600).tick(300, {"id": 11, "trd": [[2.0, 10], [2.2, 5]]})
    market.tick(200, {"id": 11, "trd": [[2.0, 12]]}, img=True, marketDefinition=market.definition)
    market.tick(100, {"id": 11, "trd": [[2.2, 30]]})
    runners = extract({GOOD: packed(market.tick(-1, {"id": 11, "trd": [[2.0, 0], [2.2, 0]]}).close())}).runners
    assert {row["selection_id"]: row["traded"] for row in runners} == {11: 42.0, 12: None, 13: None}


def test_starting_prices_that_are_no_numbers(extract, hand_made):
    runners = [
        {"status": "ACTIVE", "id": 10 + n, "sortPriority": n, "bsp": bsp}
        for n, bsp in enumerate(("NaN", "Infinity", 3.5, None))
    ]
    rows = extract({GOOD: packed(hand_made(runners=runners).define(3600).close())}).runners
    assert [row["bsp"] for row in rows] == [None, None, 3.5, None]


def test_names_without_a_box_and_horses(extract, hand_made):
    runners = [
        {"status": "ACTIVE", "sortPriority": 1, "id": 11, "name": "Phar Lap", "adjustmentFactor": 12.5},
        {"status": "ACTIVE", "sortPriority": 2, "id": 12, "name": "10. St. Leger", "hc": 1.5},
        {"status": "ACTIVE", "sortPriority": 3, "id": 13},
    ]
    rows = extract({GOOD: packed(hand_made(runners=runners).define(3600).close())}).runners
    assert [(row["name"], row["number"]) for row in rows] == [("Phar Lap", None), ("St. Leger", 10), (None, None)]
    assert [row["adjustment_factor"] for row in rows] == [12.5, None, None]
    assert [row["handicap"] for row in rows] == [0.0, 1.5, 0.0]


# Done and not done again


def jobs_of(address, lake):
    archive = read_archive(lake, address)
    return [extract_job(lake, archive, chunk) for chunk in cut_into_chunks(archive.members, 10**9)]


def test_what_was_extracted_is_found(extract, hand_made):
    month = extract({GOOD: packed(whole(hand_made)), "bad": b""})
    jobs = jobs_of(month.archive.address, month.lake)
    files = [find_extracted(job) for job in jobs]
    assert [[file.rows for file in of_chunk] for of_chunk in files] == [[5, 3, 0, 1], [0, 0, 1, 0]]
    assert [extract_chunk(job) for job in jobs] == files


def test_the_same_archive_by_another_name_is_found(extract, hand_made, write_tar, tmp_path):
    month = extract({GOOD: packed(whole(hand_made))})
    address = write_tar(tmp_path / "february.tar", {GOOD: packed(whole(hand_made))})
    os.utime(month.archive.address, (0, 0))
    for same in (address, month.archive.address):
        [job] = jobs_of(same, month.lake)
        assert find_extracted(job) == find_extracted(*month.jobs)


def test_another_archive_by_the_same_name_is_not_found_and_beside_it(extract, hand_made, write_tar):
    month = extract({GOOD: packed(whole(hand_made))})
    before = find_extracted(*month.jobs)
    write_tar(Path(month.archive.address), {GOOD: packed(whole(hand_made, venue="Elsewhere"))})
    [job] = jobs_of(month.archive.address, month.lake)
    assert find_extracted(job) is None
    extract_chunk(job)
    assert find_extracted(*month.jobs) == before
    assert job.archive != month.archive.name


@pytest.mark.parametrize("dataset", [MARKETS, CATALOGUE_RUNNERS, REJECTS, CATALOGUE_MARKETS], ids=lambda d: d.name)
def test_a_deleted_file_is_not_found_and_made_again(extract, hand_made, dataset):
    month = extract({GOOD: packed(whole(hand_made)), "bad": b""})
    [job, _] = month.jobs
    before = find_extracted(job)
    [lost] = [key for key in outputs(job) if key.dataset is dataset]
    month.lake.delete(lost)
    assert find_extracted(job) is None
    extract_chunk(job)
    assert find_extracted(job) == before


def test_extracting_twice_gives_the_same_bytes(extract, markets):
    month = extract({markets["usual"].member: markets["usual"].packed, "bad": b""})
    for job in month.jobs:
        before = [Path(month.lake.root, file.path).read_bytes() for file in find_extracted(job)]
        assert [Path(month.lake.root, file.path).read_bytes() for file in extract_chunk(job)] == before
