"""A member's market type: read from its first message alone, and not known wherever that leaves a doubt."""

import bz2
import gzip
import json

import pytest

from tasks.archives.first_type import first_type
from tasks.archives.identity import find_archive, read_archive
from tasks.lake.store import Lake

PATH = "PRO/2026/Jan/2/34000001/1.200000001.bz2"


def line(market_type="PLACE", market_id="1.200000001", **change):
    definition = {"marketType": market_type, "runners": []}
    return {"op": "mcm", "pt": 1, "mc": [{"id": market_id, "marketDefinition": definition, **change}]}


def packed(*lines, pack=bz2.compress):
    return pack("".join(f"{json.dumps(each)}\n" for each in lines).encode())


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, bytes])
@pytest.mark.parametrize("cut", [0, 9])
def test_the_first_definition_says_it_whatever_follows(pack, cut):
    raw = packed(line(), *[line("WIN")] * 2000, pack=pack)
    assert first_type(PATH, raw[: len(raw) - cut]) == "PLACE"
    assert first_type(PATH.removesuffix(".bz2"), raw) == "PLACE"


def test_a_type_is_told_in_upper_case():
    assert first_type(PATH, packed(line("Over_under_25"))) == "OVER_UNDER_25"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>Sign in</html>\n",
        bz2.compress(b""),
        packed(line())[:-20],
        b"BZh9" + packed(line())[8:],
        b"\x1f\x8b" + packed(line()),
        b"\n" + packed(line(), pack=bytes),
        packed(line(), pack=bytes).rstrip(),
        packed({"op": "mcm", "pt": 1, "ct": "HEARTBEAT"}, line()),
        packed({"op": "mcm", "pt": 1, "mc": [{"id": "1.200000001", "rc": []}]}, line()),
        packed(line(market_id="1.200000002")),
        packed({**line(), "mc": [*line()["mc"], *line(market_id="1.200000002")["mc"]]}),
        packed(line(rc=[{"id": number, "trd": [[1.01, 1.5]]} for number in range(9000)])),
        packed(line(None)),
        packed(line(7)),
        packed(line("")),
        packed(line("TO WIN/PLACE")),
        b"[" * 50_000 + b"\n",
    ],
    ids=lambda raw: repr(raw[:30]),
)
def test_where_the_beginning_leaves_a_doubt_it_is_not_known(raw):
    assert not first_type(PATH, raw)


def test_an_event_file_has_none():
    assert not first_type("PRO/2026/Jan/2/34000001/34000001.bz2", packed(line()))


def test_an_archive_remembers_its_members_types(tmp_path, write_tar):
    lake = Lake(tmp_path / "lake")
    types = ["PLACE", "WIN", "", "PLACE"] * 5
    members = {f"1.2000000{n:02d}.bz2": packed(line(type_, f"1.2000000{n:02d}")) for n, type_ in enumerate(types)}
    address = write_tar(tmp_path / "month.tar", members)
    archive = read_archive(lake, address)
    assert [(member.path, member.market_type) for member in archive.members] == list(zip(members, types, strict=True))
    assert find_archive(lake, address) == archive
