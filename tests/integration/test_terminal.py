"""What a person sees at a terminal while a command works, and what a file or a pipe is given instead."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import BACKTEST, PATIENCE

from sample.archive import Sample, write_archive

if sys.platform == "win32":
    pytest.skip("terminals as POSIX has them", allow_module_level=True)

from screen import Screen

INTERRUPTED = "interrupted; finished work is kept, run the same command to continue"
COUNT = re.compile(r"^(\w+) .*?(\d+)/(\d+) (?:files|markets|days|runs)")

# Each tells on standard error when it is about to be imported: from then on the first words have to be there.
HEAVY = ("flumine", "pandas", "prefect", "numpy")
FOR_NEW_RESULTS = ("scipy.special", "scipy.stats", "matplotlib", "plotly")
TELLS = f"""
import os, sys
class Tells:
    def find_spec(self, name, path, target=None):
        if name in {HEAVY + FOR_NEW_RESULTS}:
            os.write(2, f"<import {{name}}>\\n".encode())
sys.meta_path.insert(0, Tells())
"""

PRINTS = """
from flumine import BaseStrategy

class Prints(BaseStrategy):
    def process_new_market(self, market, book):
        print("at", market.market_id, "[bold]", flush=True)

class Raises(BaseStrategy):
    def check_market_book(self, market, book):
        raise ValueError("[/b] out of ideas")
"""

Start = Callable[..., Screen]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a command in a terminal."""
    started: list[Screen] = []

    def start(*words: object, columns: int = 100, term: str = "xterm-256color", **extra: str) -> Screen:
        started.append(
            Screen([BACKTEST, *map(str, words)], {**environment, **extra}, columns=columns, term=term, cwd=tmp_path)
        )
        return started[-1]

    yield start
    for terminal in started:
        if terminal.process.poll() is None:
            terminal.process.kill()
            terminal.wait(PATIENCE)


@pytest.fixture
def six(month: Sample, tmp_path: Path) -> Path:
    """An archive of six markets, and strategies that make themselves heard."""
    write_archive(tmp_path / "six.tar", month.races[:6], seed=2026)
    (tmp_path / "own.py").write_text(PRINTS, encoding="utf-8")
    return tmp_path / "six.tar"


def counts(terminal: Screen, stage: str) -> list[tuple[int, int]]:
    """How many of how many a stage's bar said were done, each time that it changed."""
    found = [
        (int(said[2]), int(said[3]))
        for lines in terminal.seen
        for line in lines
        if (said := COUNT.match(line)) and said[1] == stage
    ]
    return [each for number, each in enumerate(found) if number == 0 or each != found[number - 1]]


@pytest.mark.parametrize(
    ("words", "said"),
    [(("run", "six.tar", "--lake", "lake"), b"Loading flumine and Prefect"), (("strategies",), b"Loading flumine")],
)
def test_the_first_words_come_before_anything_heavy_is_imported(words, said, start, six, tmp_path):
    assert six == tmp_path / "six.tar"
    (tmp_path / "sitecustomize.py").write_text(TELLS, encoding="utf-8")
    terminal = start(*words, PYTHONPATH=str(tmp_path))
    assert terminal.wait(PATIENCE) == 0
    assert terminal.raw.index(said) < terminal.raw.index(b"<import ")


def test_what_is_wrong_at_once_is_said_without_pandas_and_prefect(backtest, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(TELLS, encoding="utf-8")
    said = backtest("run", "gone.tar", "--lake", tmp_path / "lake", expect=2, PYTHONPATH=str(tmp_path)).stderr
    assert "no such archive" in said
    assert "<import flumine>" in said
    assert "<import pandas>" not in said
    assert "<import prefect>" not in said


def test_a_run_that_has_nothing_to_do_imports_nothing_that_draws(month, backtest, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(TELLS, encoding="utf-8")
    asked = ("run", month.archive, "--strategy", "back_favourite", "--lake", tmp_path / "lake")
    made, found = (backtest(*asked, PYTHONPATH=str(tmp_path)).stderr for _ in range(2))
    assert "<import matplotlib>" in made
    assert "<import pandas>" in found
    assert not [name for name in FOR_NEW_RESULTS if f"<import {name}>" in found]


def test_what_is_waited_for_is_said(start, six, tmp_path):
    late = {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": ""}
    terminal = start("run", six, "--lake", "lake", **late)
    terminal.wait_for("Starting Prefect's server", PATIENCE)
    terminal.type(b"\x03")
    assert terminal.wait(PATIENCE) == 128 + signal.SIGINT
    assert terminal.lines[-1] == INTERRUPTED


def test_a_bar_moves_to_its_end_and_stays(start, month, tmp_path):
    terminal = start("run", month.archive, "--lake", "lake", "--chunk-bytes", "150000")
    assert terminal.wait(PATIENCE) == 0
    for stage, total in (("extract", 60), ("simulate", 60)):
        seen = counts(terminal, stage)
        assert len(seen) > 2
        assert seen == sorted(seen)
        assert {whole for _, whole in seen} == {total}
        assert seen[-1] == (total, total)
    said = "\n".join(terminal.lines)
    assert len(re.findall(r"^simulate +━+ 60/60 markets", said, re.MULTILINE)) == 1
    assert "chunks" not in said  # sentences of progress, whose place the bars have taken
    assert "Report: " in said
    assert not terminal.screen.cursor.hidden


def test_what_a_strategy_prints_is_above_the_bars(start, six):
    terminal = start("run", six, "--lake", "lake", "--strategy", "own.py:Prints")
    assert terminal.wait(PATIENCE) == 0
    lines = terminal.lines
    printed = [number for number, line in enumerate(lines) if re.fullmatch(r"at 1\.\d+ \[bold\]", line)]
    assert len(printed) == 6
    assert max(printed) < next(number for number, line in enumerate(lines) if line.startswith("simulate "))


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_a_bar_fits_the_terminal(columns, start, six):
    terminal = start("extract", six, "--lake", "lake", columns=columns)
    assert terminal.wait(PATIENCE) == 0
    [bar] = [line for line in terminal.lines if line.startswith("extract ")]
    assert "6/6 files" in bar
    assert (" MB" in bar, "━" in bar) == (columns >= 80, columns >= 40)


def test_a_failure_stands_below_its_bar(start, six):
    terminal = start("run", six, "--lake", "lake", "--strategy", "own.py:Raises")
    assert terminal.wait(PATIENCE) == 1
    lines = terminal.lines
    [bar] = [number for number, line in enumerate(lines) if line.startswith("simulate ")]
    failure = "".join(lines[bar + 1 :])
    assert failure.startswith("error: simulate: ")
    assert "ValueError: [/b] out of ideas" in failure


def test_ctrl_c_is_one_line_and_leaves_the_cursor(start, six):
    terminal = start("run", six, "--lake", "lake")
    terminal.wait_for("extract ", PATIENCE)
    terminal.type(b"\x03")
    assert terminal.wait(PATIENCE) == 128 + signal.SIGINT
    assert terminal.lines[-1] == INTERRUPTED
    assert not terminal.screen.cursor.hidden


def test_no_colour_where_none_is_wanted(start, six):
    terminal = start("extract", six, "--lake", "lake", NO_COLOR="1")
    assert terminal.wait(PATIENCE) == 0
    colours = [code for codes in re.findall(rb"\x1b\[([\d;]*)m", terminal.raw) for code in codes.split(b";")]
    assert not [code for code in colours if code[:1] in {b"3", b"4", b"9"} and len(code) > 1]


def test_a_terminal_that_cannot_move_its_cursor_is_given_lines(start, six):
    terminal = start("extract", six, "--lake", "lake", term="dumb")
    assert terminal.wait(PATIENCE) == 0
    assert b"\x1b" not in terminal.raw
    assert terminal.was_seen("extract: 1 of 1 chunks, 6 markets")


@pytest.mark.parametrize("verb", ["run", "extract"])
def test_quiet_is_the_result_alone(verb, six, backtest, start, tmp_path):
    words = (verb, six, "--strategy", "back_favourite", "--lake", tmp_path / "lake", "--quiet")
    done = backtest(*words)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert ("Report: " in done.stdout) == (verb == "run")
    assert "extract" not in done.stdout.replace(str(tmp_path), "")
    terminal = start(*words, columns=200)
    assert terminal.wait(PATIENCE) == 0
    assert b"\x1b[2K" not in terminal.raw  # nothing is drawn again
    assert not terminal.was_seen("Loading")


def test_a_file_is_given_lines_without_escape_codes(six, environment, tmp_path):
    done = subprocess.run(
        [BACKTEST, "run", six, "--lake", "lake"],
        env={**environment, "FORCE_COLOR": "", "TERM": "xterm-256color"},
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"simulate: 1 of 1 chunks, 6 markets, " in done.stderr
    assert b"Loading" not in done.stderr
    assert os.linesep.encode() in done.stderr
