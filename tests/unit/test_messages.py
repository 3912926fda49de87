"""A member's bytes to messages: every compression, and everything that can be wrong with them."""

import bz2
import gzip
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tasks.extraction import messages
from tasks.extraction.messages import BadMemberError, decompress, read_messages

LINES = [
    b'{"op":"mcm","clk":"a","pt":1000,"mc":[{"id":"1.200000001","rc":[]}]}',
    b'{"op":"mcm","clk":"b","pt":1050,"mc":[{"id":"1.200000001","rc":[{"ltp":2.5,"id":7}]}]}',
]
RAW = b"\n".join(LINES) + b"\n"


def reason_of(raw):
    with pytest.raises(BadMemberError) as bad:
        list(read_messages(raw))
    return bad.value.reason, bad.value.detail


@pytest.mark.parametrize(
    "stored",
    [
        bz2.compress(RAW),
        bz2.compress(LINES[0] + b"\n") + bz2.compress(LINES[1]),
        gzip.compress(RAW, mtime=0),
        gzip.compress(LINES[0] + b"\n", mtime=0) + gzip.compress(LINES[1], mtime=0),
        RAW,
        RAW.replace(b"\n", b"\r\n"),
        b"\n\n" + RAW + b"\n\r\n",
    ],
    ids=["bz2", "several bz2 streams", "gzip", "several gzip members", "plain", "CRLF", "empty lines"],
)
def test_the_same_lines_however_stored(stored):
    messages = list(read_messages(stored))
    assert [message.raw for message in messages] == LINES
    assert [message.publish_time for message in messages] == [1000, 1050]
    assert {message.market_id for message in messages} == {"1.200000001"}
    assert messages[1].change["rc"] == [{"ltp": 2.5, "id": 7}]


def test_raw_is_byte_for_byte_even_where_json_could_be_written_otherwise():
    line = b'{ "pt" : 1000, "op":"mcm", "mc":[ {"id":"1.200000001","name":"caf\\u00e9 \xc3\xa9","x":1.10} ] }'
    [message] = read_messages(line)
    assert message.raw == line
    assert message.publish_time == 1000


@pytest.mark.parametrize("stored", [b"", bz2.compress(b""), gzip.compress(b"", mtime=0)])
def test_empty(stored):
    assert reason_of(stored) == ("empty", "")


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress])
def test_cut_short(pack):
    stored = pack(RAW * 100)
    assert reason_of(stored[:-10])[0] == "cut short"
    assert reason_of(stored[: len(stored) // 2])[0] == "cut short"
    assert reason_of(stored[:15])[0] == "cut short"


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress])
def test_a_flipped_byte(pack):
    stored = bytearray(pack(RAW * 100))
    stored[len(stored) // 2] ^= 0xFF
    reason, detail = reason_of(bytes(stored))
    assert reason in ("damaged", "cut short")
    assert "bytes of JSON" in detail


def test_a_damaged_second_stream():
    first, second = bz2.compress(LINES[0] + b"\n"), bytearray(bz2.compress(LINES[1]))
    second[1] ^= 0xFF
    assert reason_of(first + bytes(second))[0] == "damaged"


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress, bytes])
def test_a_bomb_goes_off_in_small(pack):
    exactly = pack(bytes(100_000))
    assert len(decompress(exactly, limit=100_000)) == 100_000
    with pytest.raises(BadMemberError) as bad:
        decompress(pack(bytes(5_000_000)), limit=100_000)
    assert bad.value.reason == "too large"
    assert "100000" in bad.value.detail


@pytest.mark.parametrize("pack", [bz2.compress, gzip.compress])
def test_a_bomb_is_not_read_to_its_end(pack):
    with pytest.raises(BadMemberError, match="too large"):
        decompress((pack(bytes(2_000_000)) * 5)[:-12], limit=100_000)


def test_empty_lines_cost_nothing_and_are_not_kept(tmp_path):
    stored = bz2.compress(b"\n" * 100_000_000 + RAW)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from tasks.extraction.messages import read_messages\n"
        "stored = Path(sys.argv[1]).read_bytes()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(len(list(read_messages(stored))), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    path = tmp_path / "member"
    path.write_bytes(stored)
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    found, kilobytes = map(int, done.stdout.split())
    assert found == 2
    assert kilobytes < 300_000  # twice the 100 MB, and not 3 GB


def test_too_many_messages(monkeypatch):
    monkeypatch.setattr(messages, "MESSAGES_LIMIT", 200)
    assert len(list(read_messages(bz2.compress(RAW * 100)))) == 200
    assert reason_of(bz2.compress(RAW * 101)) == ("too many messages", "more than 200")


@pytest.mark.parametrize("before", [0, 1, 2, 3, (1 << 20) - 2, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_where_it_is_no_text_is_told_across_pieces(before):
    euro = "\u20ac".encode()
    assert reason_of(b" " * before + euro + b"\xff")[1] == f"not UTF-8: invalid start byte at byte {before + 3}"
    assert reason_of(b" " * before + euro[:2])[1] == f"not UTF-8: unexpected end of data at byte {before}"
    assert "line 1" in reason_of(b" " * before + euro)[1]


def test_bad_json_says_in_which_line():
    reason, detail = reason_of(RAW + b'{"op":"mcm",\n')
    assert reason == "bad JSON"
    assert detail.startswith("line 3:")
    assert reason_of(b"\n\nnonsense")[1].startswith("line 3:")
    assert reason_of(b"<!DOCTYPE html><html></html>")[0] == "bad JSON"
    assert reason_of(LINES[0][:-5] + b"\xff\xfe" + LINES[0][-5:])[0] == "bad JSON"


@pytest.mark.parametrize(
    ("field", "levels"), [("atb", [[1.9, 5], [1.8]]), ("trd", [[1, 1.9, 5]]), ("batl", [[1.9, 5]]), ("spb", [[]])]
)
def test_levels_of_another_length_are_no_message(field, levels):
    change = {"id": "1.2", "rc": [{"id": 1, field: levels}]}
    reason, detail = reason_of(orjson.dumps({"op": "mcm", "pt": 5, "mc": [change]}))
    assert reason == "not a stream message"
    assert field in detail


def test_several_markets_in_a_line_are_told_apart():
    line = orjson.dumps(
        {
            "op": "mcm",
            "clk": "x",
            "pt": 5,
            "mc": [{"id": "1.200000001", "rc": [{"id": 1}]}, {"id": "1.200000002", "img": True, "rc": []}],
        }
    )
    first, second = read_messages(line)
    assert (first.market_id, second.market_id) == ("1.200000001", "1.200000002")
    assert orjson.loads(first.raw) == {
        "op": "mcm",
        "clk": "x",
        "pt": 5,
        "mc": [{"id": "1.200000001", "rc": [{"id": 1}]}],
    }
    assert orjson.loads(second.raw)["mc"] == [{"id": "1.200000002", "img": True, "rc": []}]
    assert b"\n" not in first.raw + second.raw


def test_lines_that_speak_of_no_market():
    heartbeat = b'{"op":"mcm","clk":"c","pt":1070,"ct":"HEARTBEAT"}\n{"op":"mcm","pt":1080,"mc":[]}\n'
    assert [message.raw for message in read_messages(RAW + heartbeat)] == LINES
    assert list(read_messages(heartbeat)) == []


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b"{}",
        b'{"op":"connection","connectionId":"002"}',
        b'{"pt":"soon","mc":[]}',
        b'{"pt":null,"mc":[]}',
        b'{"pt":1,"mc":null}',
        b'{"pt":1,"mc":7}',
        b'{"pt":1,"mc":{"id":"1.200000001"}}',
        b'{"pt":1,"mc":["1.200000001"]}',
        b'{"pt":1,"mc":[{"rc":[]}]}',
        b'{"pt":1,"mc":[{"id":"1.200000001"},{"rc":[]}]}',
    ],
)
def test_json_that_is_no_message(line):
    reason, detail = reason_of(RAW + line)
    assert reason == "not a stream message"
    assert detail.startswith("line 3:")
