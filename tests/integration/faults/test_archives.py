"""Archives with all that can be wrong in one: each bad member a reject with a reason, the good ones as if alone."""

import bz2
import copy
import io
import random
import re
import tarfile
import time

import duckdb
import orjson
import pytest
from chaos import CHAOS, times
from lakes import Difference

from sample.chance import seeded
from sample.messages import stream
from tasks.extraction.markets import Market, read_markets
from tasks.rejects import Reject

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>" * 20


def lines_of(race):
    return [orjson.loads(line) for line in stream(race, seeded(2026, race.market_id))]


def packed(messages):
    return bz2.compress(b"\n".join(map(orjson.dumps, messages)))


def under(market_id, messages):
    """The same market under another id."""
    return [
        {**message, "mc": [{**change, "id": market_id} for change in message.get("mc", ())]} for message in messages
    ]


def with_level(messages, level):
    """The first price that anyone offers, as something else."""
    for message in messages:
        for change in message["mc"]:
            for runner in change.get("rc", ()):
                if runner.get("atb"):
                    runner["atb"][0] = level
                    return messages
    raise AssertionError("nobody offers anything")


def without_runners(messages):
    for message in messages:
        for change in message["mc"]:
            if "marketDefinition" in change:
                change["marketDefinition"].pop("runners")
    return messages


def bad_members(races):
    """Members that cannot be used, by name."""
    raw = packed(lines_of(races[0]))
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 0x10

    def member(number, make):
        market_id = f"1.29999{number:04d}"
        return f"PRO/2026/Jan/1/39/{market_id}.bz2", make(market_id, under(market_id, lines_of(races[number])))

    made = [
        lambda _, __: b"",
        lambda _, __: bz2.compress(b""),
        lambda _, __: HTML,
        lambda _, __: raw[: len(raw) // 2],
        lambda _, __: bytes(flipped),
        lambda _, messages: packed(messages)[:-4],
        lambda _, messages: packed(messages[:-1]),
        lambda _, messages: packed([*messages[:-3], messages[-2], messages[-3], messages[-1]]),
        lambda _, messages: packed(messages).replace(b"BZh", b"XXX", 1),
        lambda _, messages: bz2.compress(b"\n".join(map(orjson.dumps, messages)) + b'\n{"op":"mcm","pt":NaN,"mc":[]}'),
        lambda _, messages: packed(with_level(messages, ["2.0", 5])),
        lambda _, messages: packed(with_level(messages, [None, 5])),
        lambda _, messages: packed(with_level(messages, "a word")),
        lambda _, messages: packed(without_runners(messages)),
        lambda _, messages: packed([{"op": "mcm", "pt": 1, "mc": [{"id": 7}]}, *messages]),
        lambda _, messages: packed([{"op": "connection"}, *messages]),
        lambda _, messages: packed(under("1.288888888", messages)),
        lambda _, messages: packed(messages[1:]),
        lambda _, __: bz2.compress(b'{"op":"' + b"x" * 50_000_000),
    ]
    if CHAOS:
        made.append(lambda _, __: bz2.compress(bytes((1 << 30) + 1)))
    return dict(member(number, make) for number, make in enumerate(made))


# Nothing is wrong with these but what nobody would expect.
def odd_members(races):
    market_id = "1.277777777"
    messages = under(market_id, lines_of(races[40]))
    for message in messages:
        message["unheardOf"] = {"a": [1]}
        for change in message["mc"]:
            change["unheardOf"] = 1
            change.setdefault("rc", []).append({"id": 999, "ltp": 2.0})  # defined nowhere
    climbing = under("1.266666666", lines_of(races[41]))
    return {
        f"PRO/2026/Jan/1/39/{market_id}.bz2": packed(messages),
        "../../../1.266666666.bz2": packed(climbing),
    }


@pytest.fixture
def archive(month, tmp_path):
    """The month, and beside it in the same archive what is bad, what is odd, links, and a copy that differs."""
    path = tmp_path / month.archive.name
    again = "PRO/2026/Jan/9/77/" + f"{month.races[5].market_id}.bz2"
    with tarfile.open(month.archive) as good, tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as bad:
        for entry in good:
            bad.addfile(entry, good.extractfile(entry))
        differs = lines_of(month.races[5])
        extra = {
            **bad_members(month.races),
            **odd_members(month.races),
            again: packed([*differs[:10], *differs[12:]]),
            "/etc/1.255555555.bz2": b"",
        }
        for name, content in extra.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bad.addfile(entry, io.BytesIO(content))
        for kind, name in ((tarfile.SYMTYPE, "PRO/1.244444444.bz2"), (tarfile.LNKTYPE, "PRO/1.244444445.bz2")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            bad.addfile(entry)
    return path, [
        *bad_members(month.races),
        again,
        "/etc/1.255555555.bz2",
        "PRO/1.244444444.bz2",
        "PRO/1.244444445.bz2",
    ]


def test_every_bad_member_is_a_reject_and_the_good_are_as_ever(
    archive, undisturbed, asked, tmp_path, backtest_json, ratings_url, caused
):
    path, bad = archive
    words = asked(tmp_path / "lake")
    words[1] = str(path)
    # What is odd is good, and would be bet on: only what the undisturbed run has is compared.
    report = backtest_json(*words, BACKTEST_RATINGS_URL=ratings_url)
    extract = report["stages"]["extract"]
    assert extract["in"] == extract["out"] + extract["rejected"]
    assert (extract["out"], extract["rejected"]) == (62, len(bad))
    rejects = duckdb.sql(f"SELECT what, reason FROM '{tmp_path}/lake/rejects/stage=extract/**/*.parquet'").fetchall()  # noqa: S608
    assert sorted(what for what, _ in rejects) == sorted(bad)
    assert all(reason for _, reason in rejects)
    columns = "market_id, selection_id, side, price, price_matched, size_matched, profit, strategy_name"
    here, there = (
        f"SELECT {columns} FROM read_parquet('{lake}/orders/**/*.parquet', hive_partitioning = true)"  # noqa: S608
        " WHERE market_id NOT LIKE '1.26666%' AND market_id NOT LIKE '1.27777%'"
        for lake in (tmp_path / "lake", undisturbed)
    )
    wrong, lost = (len(duckdb.sql(f"{a} EXCEPT ALL {b}").fetchall()) for a, b in ((here, there), (there, here)))
    assert not list(tmp_path.parent.glob("1.2*"))
    for _ in bad:
        caused(
            "a bad member in an archive (cut, damaged, empty, HTML, link, climbing, twice, …)", Difference(wrong, lost)
        )


@pytest.mark.parametrize("size", [0, 511, 5000, 100_000])
def test_a_tar_that_is_cut_or_none_is_refused(size, month, tmp_path, asked, backtest, caused):
    path = tmp_path / month.archive.name
    path.write_bytes(HTML * 9 if size == 511 else month.archive.read_bytes()[:size])
    words = asked(tmp_path / "lake")
    words[1] = str(path)
    refused = backtest(*words, expect=2)
    [line] = [line for line in refused.stderr.splitlines() if line]
    assert line.startswith(f"error: {path}: ")
    assert "copy it again" in line or "a Pro archive contains" in line
    caused("an archive that is cut short, empty, or HTML")


@pytest.mark.skipif(not CHAOS, reason="a long form, for `make chaos`")
@pytest.mark.timeout(1200)
def test_a_hundred_thousand_tiny_members(month, tmp_path, asked, backtest_json, ratings_url, caused, undisturbed):
    path = tmp_path / month.archive.name
    with tarfile.open(month.archive) as good, tarfile.open(path, "w") as many:
        for entry in good:
            many.addfile(entry, good.extractfile(entry))
        for number in range(100_000):
            entry = tarfile.TarInfo(f"PRO/2026/Jan/1/39/tiny-{number}.bz2")
            entry.size = 1
            many.addfile(entry, io.BytesIO(b"x"))
    words = asked(tmp_path / "lake")
    words[1] = str(path)
    report = backtest_json(*words, BACKTEST_RATINGS_URL=ratings_url)
    extract = report["stages"]["extract"]
    assert (extract["in"], extract["out"], extract["rejected"]) == (100_060, 60, 100_000)
    caused("an archive of 100,000 tiny members")


NASTY = [None, True, "", "x", "NaN", -1, 0, 1e308, 2**63, [], {}, [[]], [["2.0", None]], {"id": []}]


def spoil(rng, messages):
    """Change a few values of a market's messages, anywhere, to anything."""
    for _ in range(rng.randint(1, 4)):
        node = rng.choice(messages)
        while True:
            key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.2:
                break
            node = node[key]
        if rng.random() < 0.2:
            del node[key]
        else:
            node[key] = copy.deepcopy(rng.choice(NASTY))
    return messages


@pytest.mark.timeout(1200)
def test_messages_that_say_anything_are_markets_or_rejects(month, caused):
    """A fuzzer of the reader, compression included: ten minutes of it in `make chaos`."""
    fuzzed, deadline = 0, time.monotonic() + times(5, 600)
    races = month.races[:12]
    market_lines = [[*lines[:40], *lines[-40:]] for lines in map(lines_of, races)]
    while time.monotonic() < deadline:
        rng = random.Random(fuzzed)  # noqa: S311 - faults, not secrets
        chosen = rng.randrange(len(races))
        messages = spoil(rng, orjson.loads(orjson.dumps(market_lines[chosen])))
        path = f"PRO/{races[chosen].market_id}.bz2"
        raw = b"\n".join(orjson.dumps(message) for message in messages)
        if rng.random() < 0.2:
            damaged = bytearray(raw)
            damaged[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            raw = bytes(damaged)
        found = list(read_markets(path, raw, 1, "80s"))
        assert found, fuzzed
        for one in found:
            assert isinstance(one, Market | Reject), fuzzed
            assert isinstance(one, Market) or (one.reason and not re.search(r"[\r\n]", one.detail)), fuzzed
        fuzzed += 1
        caused("a market's messages with values changed to anything")
