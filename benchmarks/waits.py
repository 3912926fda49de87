"""What a person waits for at the command line: whole commands, in turns with what they are held against."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.contenders import Subject
from tasks.archives.archive import read_index, read_members

TURNS = 5

BACKTEST = str(Path(sys.executable).with_name("backtest"))
_BARE_FLOW = "from prefect import flow\n\n\n@flow\ndef nothing():\n    pass\n\n\nnothing()\n"
_SERVES = "Ctrl-C stops it"
_WATCHES = "Ctrl-C ends"


class Wait(NamedTuple):
    """A command that somebody waits for.

    Attributes:
        name: Of its row in the table.
        command: The words.
        against: Name of the row whose seconds its own are divided by.
        fails: Whether it ends with an error.
    """

    name: str
    command: Sequence[str]
    against: str = ""
    fails: bool = False


class Waited(NamedTuple):
    """Wall seconds.

    Attributes:
        word: Until the first output.
        end: Until the command ended.
    """

    word: float
    end: float


def print_waits(subject: Subject) -> None:
    """Measure and print the waits: the median of five turns.

    Args:
        subject: What the commands run on; its lake is not used.
    """
    with tempfile.TemporaryDirectory() as folder:
        home, lake, bare = (Path(folder) / name for name in ("home", "lake", "bare.py"))
        bare.write_text(_BARE_FLOW, encoding="utf-8")
        environment = {**os.environ, "PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
        environment.pop("PREFECT_API_URL", None)
        run = [BACKTEST, "run", subject.archive, "--ratings", subject.predictions, "--strategy", "rated_price"]
        nothing = [*run, "--lake", str(lake)]
        _wait_for(Wait("cold", nothing), environment)
        alone = [
            Wait("a bare Prefect flow", [sys.executable, str(bare)]),
            Wait("nothing to do, no server", nothing, "a bare Prefect flow"),
            Wait("import flumine", [sys.executable, "-c", "import flumine"]),
            Wait("an early error", [BACKTEST, "run", f"{subject.archive}.missing"], "import flumine", fails=True),
        ]
        medians = _take_turns(alone, environment)
        with _serving(environment):
            served = [Wait("nothing to do, server running", nothing)]
            medians |= _take_turns(served, environment)
        saved = _save_to_result(subject, Path(folder), environment)
    print(f"\nThe waits of a person, medians of {TURNS}:\n")
    print("| | first word, s | end, s | to what it is held against |\n|---|---:|---:|---:|")
    for wait in [*alone, *served]:
        waited = medians[wait.name]
        ratio = f"{waited.end / medians[wait.against].end:.2f} × {wait.against}" if wait.against else ""
        word = f"{waited.word:.2f}" if wait.command[0] == BACKTEST else ""
        print(f"| {wait.name} | {word} | {waited.end:.2f} | {ratio} |")
    print(f"| --watch on one market, from save to result | | {saved:.2f} | |")


def _save_to_result(subject: Subject, folder: Path, environment: Mapping[str, str]) -> float:
    """Return the seconds from the save of a strategy to its result on the archive's first market, which is watched."""
    member = read_index(subject.archive).members[0]
    [(_, raw)] = read_members(subject.archive, [member])
    market, strategy = folder / Path(member.path).name, folder / "my.py"
    market.write_bytes(raw)
    subprocess.run([BACKTEST, "new", strategy], env=environment, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - this module's own words
    text, taken = strategy.read_text("utf-8"), list[float]()
    with subprocess.Popen(  # noqa: S603 - this module's own words
        [BACKTEST, "run", market, "--strategy", f"{strategy}:MyStrategy", "--watch"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            _read_until(_WATCHES, process.stdout)
            for turn in range(TURNS):
                started = time.perf_counter()
                strategy.write_text(f"{text}# {turn}\n", "utf-8")
                _read_until(_WATCHES, process.stdout)
                taken.append(time.perf_counter() - started)
        finally:
            process.terminate()
    return statistics.median(taken)


def _take_turns(waits: Sequence[Wait], environment: Mapping[str, str]) -> dict[str, Waited]:
    waited = [[_wait_for(wait, environment) for wait in waits] for _ in range(TURNS)]
    return {
        wait.name: Waited(*(statistics.median(figures) for figures in zip(*(turn[at] for turn in waited), strict=True)))
        for at, wait in enumerate(waits)
    }


def _wait_for(wait: Wait, environment: Mapping[str, str]) -> Waited:
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - this module's own words
        wait.command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        said = process.stdout.read(1)
        word = time.perf_counter() - started
        said += process.stdout.read()
    end = time.perf_counter() - started
    if bool(process.returncode) != wait.fails:
        sys.exit(f"{wait.name} ended with {process.returncode}:\n{said.decode(errors='replace')}")
    return Waited(word, end)


def _read_until(text: str, output: Iterable[str]) -> None:
    if not any(text in line for line in output):
        sys.exit(f"a command ended before it said {text!r}")


@contextmanager
def _serving(environment: Mapping[str, str]) -> Iterator[None]:
    with subprocess.Popen(  # noqa: S603 - this module's own words
        [BACKTEST, "serve", "--port", "0"], env=environment, text=True, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            _read_until(_SERVES, process.stdout)
            yield
        finally:
            process.terminate()


if __name__ == "__main__":
    print_waits(Subject(sys.argv[1], sys.argv[2], ""))
