"""What the command line prints: in any encoding, to whoever stops reading, of whatever names and values there are."""

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from served import BACKTEST, PATIENCE

from sample.archive import Sample, write_archive

# What a value or a name can be, and is to be seen as.
HOSTILE = {"[/b]": "[/b]", "a[red]b": "a[red]b", "\x1b[31mx\n\u202e": r"\x1b[31mx\n\u202e", "−5 €": "−5 €"}

OWN = """
from flumine import BaseStrategy

class Own(BaseStrategy):
    def __init__(self, label="", **named):
        super().__init__(**named)
"""

# As Windows writes into a file, in the west and in Japan; as a container without a locale does.
ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp932": {"PYTHONIOENCODING": "cp932"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}

Said = Callable[..., subprocess.CompletedProcess[bytes]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names and locales as POSIX has them")


@pytest.fixture(scope="module")
def folder(month: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a strategy, and an archive of which a member's name is hostile."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    write_archive(folder / "three.tar", month.races[:3], seed=2026)
    with tarfile.open(folder / "three.tar", "a") as archive:
        archive.addfile(tarfile.TarInfo("[/b]\x1b[31m\ncaf\udce9/1.200000001.bz2"))
    return folder


@pytest.fixture(scope="module")
def say(folder: Path, environment: dict[str, str]) -> Said:
    """Run the command line in the user's folder, its output taken as bytes."""

    def say(*words: object, expect: int = 0, **extra: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [BACKTEST, *map(str, words)],
            env={**environment, **extra},
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == expect, done.stderr.decode(errors="replace")
        assert b"Traceback" not in done.stderr
        return done

    return say


def asked() -> list[str]:
    labels = [f"own:Own:label={json.dumps(label)}" for label in HOSTILE]
    return ["run", "three.tar", "--lake", "lake", *(word for label in labels for word in ("--strategy", label))]


@pytest.fixture(scope="module")
def finished(say: Said) -> bytes:
    """What a run printed whose output is no UTF-8."""
    done = say(*asked(), **ENCODINGS["ascii"])
    assert all(sign < 128 and sign != 27 for sign in done.stdout + done.stderr)
    return done.stdout


def test_values_and_names_are_printed_as_they_are(finished, say):
    printed = say("show", "--lake", "lake", PYTHONIOENCODING="utf-8").stdout.decode()
    for seen in HOSTILE.values():
        assert f"label={seen}\n" in printed
    assert "\x1b" not in printed
    assert rb"label=\x1b[31mx\n\u202e" in finished
    assert rb"label=-5 \u20ac" in finished


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_command_speaks_any_encoding(encoding, finished, say):
    extra = ENCODINGS[encoding]
    shown = say("show", "--lake", "lake", **extra).stdout
    assert b"label=[/b]" in shown
    assert {"cp1252": b"label=-5 \x80", "cp932": b"label=\x81|5 \\u20ac"}.get(encoding, rb"label=-5 \u20ac") in shown
    wrong = say("show", "[/b]\x1b", "--lake", "lake", expect=2, **extra).stderr
    assert wrong.startswith(b"error: no run ")
    assert rb"[/b]\x1b in the lake" in wrong


def test_an_output_of_two_bytes_a_letter(finished, say):
    assert "label=[/b]" in say(*asked(), PYTHONIOENCODING="utf-16").stdout.decode("utf-16")


def test_every_verb_speaks_ascii(finished, say):
    for words in (["strategies"], ["check", "--lake", "lake"], ["run", "--help"], ["--help"], [*asked(), "--json"]):
        assert say(*words, **ENCODINGS["posix"]).stdout


def test_what_a_program_reads_is_utf8_and_unchanged(finished, say):
    written = {say("show", "--lake", "lake", "--csv", **extra).stdout for extra in ({}, ENCODINGS["cp1252"])}
    (figures,) = written
    rows = list(csv.DictReader(io.StringIO(figures.decode())))
    assert {json.loads(row["parameters"])["label"] for row in rows} == set(HOSTILE)
    report = json.loads(say(*asked(), "--json", **ENCODINGS["cp932"]).stdout)
    assert {variant["parameters"]["label"] for variant in report["variants"]} == set(HOSTILE)


def show_to(output, more, folder, environment):
    return subprocess.run(
        [BACKTEST, "show", "--lake", "lake", *more],
        env=environment,
        cwd=folder,
        stdout=output,
        stderr=subprocess.PIPE,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("more", [[], ["--csv"]])
def test_whoever_stops_reading_is_no_error(more, finished, folder, environment):
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as nobody:
        done = show_to(nobody, more, folder, environment)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
@pytest.mark.parametrize("more", [[], ["--csv"]])
def test_a_full_disk_is_one_line(more, finished, folder, environment):
    with Path("/dev/full").open("wb") as full:
        done = show_to(full, more, folder, environment)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["error: [Errno 28] No space left on device"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize(
    "words", [["run", b"caf\xe9.tar"], ["show", "--lake", b"caf\xe9"], ["run", "a.tar", b"--\xff"]]
)
def test_what_is_no_text_is_refused_readably(words, folder, environment):
    done = subprocess.run(
        [BACKTEST, *words], env=environment, cwd=folder, capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 2
    [line] = done.stderr.decode("ascii").splitlines()
    assert line.startswith("error: ")
    assert "not valid in this system's encoding" in line


def test_a_members_name_is_a_reject_readable_everywhere(finished, folder):
    page = next((folder / "lake").glob("results/report/*/report.html")).read_bytes()
    assert rb"[/b]\x1b[31m\ncaf\xe9/1.200000001.bz2" in page
    assert b"\x1b" not in page
