"""Whatever types are asked for, in whatever order: what a run is given is what a whole extraction would give it."""

import bz2
from collections import Counter
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import extract_whole
from pipeline import pack
from small_markets import market

from tasks.archives.catalogue import read_catalogue
from tasks.archives.manifest import Manifest, read_not_asked, reasons_left_out
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.errors import InputError
from tasks.lake.store import Lake
from tasks.rejects import RejectSource, count_rejects

TYPES = ("WIN", "PLACE", "QUINELLA")
KINDS = (
    "whole",
    "whole",
    "cut short",
    "damaged at the start",
    "no definition",
    "another type in the end",
    "event file",
)

members = st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(KINDS)), min_size=1, max_size=7)
asked = st.lists(st.lists(st.sampled_from(TYPES), max_size=2), min_size=1, max_size=4)
sizes = st.sampled_from([1, 700, 10**9])


@cache
def content(number: int, market_type: str, kind: str) -> tuple[str, bytes]:
    """The name and the lines of a member, not compressed."""
    lines = market(f"1.90000000{number}", market_type=market_type)
    first, *others = lines.splitlines(keepends=True)
    if kind == "event file":
        return f"3400000{number}", lines + b"\n" + market(f"1.90000001{number}", market_type="PLACE")
    if kind == "no definition":
        return f"1.90000000{number}", b"".join([others[0], first, *others])
    if kind == "another type in the end":
        *_, last = others
        other = "PLACE" if market_type == "WIN" else "WIN"
        changed = last.replace(f'"marketType": "{market_type}"'.encode(), f'"marketType": "{other}"'.encode())
        return f"1.90000000{number}", b"".join([first, *others[:-1], changed])
    return f"1.90000000{number}", lines


def packed(number: int, market_type: str, kind: str) -> tuple[str, bytes]:
    name, lines = content(number, market_type, kind)
    raw = bz2.compress(lines)
    if kind == "cut short":
        raw = raw[:-9]
    return name, b"BZh9?" + raw[5:] if kind == "damaged at the start" else raw


def given_to_a_run(lake: Lake, manifest: Manifest, types: list[str]) -> tuple[Any, ...]:
    """What a run's figures can depend on: its markets, where they lie, and what it says was left out."""
    try:
        selected, _ = select_markets(lake, [manifest], MarketFilter(market_types=types))
    except InputError as error:
        markets: Any = str(error)
    else:
        markets = selected.to_json(date_format="iso")
    rejects = count_rejects(lake, [RejectSource("extract", manifest.archive, manifest.reject_names)])
    return markets, rejects, reasons_left_out(lake, manifest), read_not_asked(lake, manifest), manifest.asked


@settings(max_examples=25, deadline=None)
@given(members, asked, sizes)
def test_the_order_in_which_types_are_asked_for_does_not_matter(
    tmp_path_factory: Any, members: list[tuple[str, str]], asked: list[list[str]], chunk_bytes: int
):
    folder = tmp_path_factory.mktemp("types")
    files = dict(packed(number, *member) for number, member in enumerate(members))
    address, some, whole = pack(files, folder / "month.tar"), Lake(folder / "some"), Lake(folder / "whole")
    extract_whole(whole, address, chunk_bytes)
    for types in asked:
        archive, jobs, manifest = extract_whole(some, address, chunk_bytes, market_types=types)
        *_, of_whole = extract_whole(whole, address, chunk_bytes, market_types=types)
        assert given_to_a_run(some, manifest, types) == given_to_a_run(whole, of_whole, types)
        extracted = {member.path for job in jobs for member in job.chunk.members}
        everything = Counter([*extracted, *read_not_asked(some, manifest)])
        assert everything == Counter(member.path for member in archive.members)
        # No market of an asked type is anywhere else.
        everywhere = read_catalogue(whole, extract_whole(whole, address, chunk_bytes)[-1])
        wanted = everywhere[everywhere["market_type"].isin(types or TYPES)]
        assert set(wanted["market_id"]) <= set(read_catalogue(some, manifest)["market_id"])
