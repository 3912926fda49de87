"""Measures all contenders side by side in one run, and prints tables of seconds, rates, memory, ratios and waits.

    python -m benchmarks.bench [ARCHIVE.tar PREDICTIONS.csv] [--repeat N] [--times N]

Every measurement is a fresh process, held to one core but for those with two workers; contenders take turns, the best
of their repeats counts. With `--times 30`, memory and speed are also measured, once, on the archive thirty times over,
and beside them what two cores of this machine gain on work of which nothing is shared.
"""

import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd
import typer

from benchmarks.contenders import CONTENDERS, Measure, Subject, extract
from benchmarks.replicate import replicate
from benchmarks.waits import BACKTEST, print_waits
from sample.archive import write_sample
from tasks.archives.identity import read_archive
from tasks.archives.manifest import read_manifest
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.lake.store import Lake

CORES = sorted(os.sched_getaffinity(0))


class Row(NamedTuple):
    """A line of the table: a contender on a subject."""

    name: str
    contender: str
    subject: Subject
    markets: int
    messages: int


def run(
    archive: Annotated[Path | None, typer.Argument(help="A tar; default the generated month")] = None,
    predictions: Annotated[Path | None, typer.Argument(help="A CSV of ratings for it")] = None,
    *,
    repeat: Annotated[int, typer.Option(help="Turns of each contender; the best counts")] = 3,
    times: Annotated[int, typer.Option(help="Measure on the archive so many times over as well")] = 0,
) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        if archive is None or predictions is None:
            archive, predictions = _sample(Path(folder))
        subject = _subject(archive, predictions, Path(folder) / "lake")
        rows = [_row(contender, contender, subject) for contender in CONTENDERS]
        measures = _take_turns(rows, repeat)
        _print(rows, measures, subject)
        print_waits(subject)
        if times:
            _print_scaled(subject, times, Path(folder), measures, repeat)


def _sample(folder: Path) -> tuple[Path, Path]:
    sample = write_sample(folder / "sample")
    predictions = folder / "predictions.csv"
    with predictions.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["market_id", "selection_id", "rating"])
        for day in sorted(sample.ratings.glob("*.csv")):
            rated = pd.read_csv(day, dtype=str).filter(regex="bfExchangeMarketId|bfExchangeSelectionId|ratedPrice")
            writer.writerows(rated.itertuples(index=False))
    return sample.archive, predictions


def _subject(archive: Path, predictions: Path, lake: Path) -> Subject:
    subject = Subject(str(archive), str(predictions), str(lake))
    extract(subject._replace(workers=os.cpu_count() or 1))
    return subject


def _row(name: str, contender: str, subject: Subject) -> Row:
    lake, filter_ = Lake(subject.lake), MarketFilter(market_types=["WIN"])
    manifest = read_manifest(lake, read_archive(lake, subject.archive), filter_.market_types)
    markets, _ = select_markets(lake, [manifest], filter_)
    return Row(name, contender, subject, len(markets), int(markets["messages"].sum()))


def _take_turns(rows: list[Row], repeat: int) -> dict[str, Measure]:
    best: dict[str, Measure] = {}
    for _ in range(repeat):
        for row in rows:
            taken = _measure_alone(row)
            best[row.name] = min(best.get(row.name, taken), taken)
    return best


def _measure_alone(row: Row, core: int = CORES[0]) -> Measure:
    asked = json.dumps([row.contender, row.subject])
    code = (
        "import json, sys\nfrom benchmarks.contenders import Subject, measure\n"
        "contender, subject = json.loads(sys.argv[1])\nprint(json.dumps(measure(contender, Subject(*subject))))"
    )
    affinity = None if row.subject.workers > 1 else lambda: os.sched_setaffinity(0, {core})
    done = subprocess.run(  # noqa: S603 - this module's own words
        [sys.executable, "-c", code, asked], capture_output=True, text=True, check=False, preexec_fn=affinity
    )
    if done.returncode:
        sys.exit(f"{row.name} failed:\n{done.stderr}")
    return Measure(*json.loads(done.stdout.splitlines()[-1]))


def _ceiling(row: Row, repeat: int) -> float:
    """How much faster two cores can be at all: the same work on one, then on both at once, nothing shared."""
    alone, together = [], []
    with ThreadPoolExecutor() as threads:
        for _ in range(repeat):
            alone.append(_measure_alone(row).seconds)
            both = threads.map(_measure_alone, [row, row], CORES[:2])
            together.append(max(taken.seconds for taken in both))
    return 2 * min(alone) / min(together)


def _print(rows: list[Row], measures: dict[str, Measure], subject: Subject) -> None:
    first = rows[0]
    orders = {name: taken.orders for name, taken in measures.items() if "alone" not in name}
    if len(set(orders.values())) != 1:
        sys.exit(f"the contenders do not place the same orders: {orders}")
    print(f"\n{_where()}; {Path(subject.archive).name}: {first.markets} WIN markets, {first.messages} messages")
    print(f"{next(iter(orders.values()))} orders, the same from each\n")
    table = ["| one core | seconds | markets/s | messages/s | peak MB | to the tutorial | to plain flumine |"]
    table.append("|---|---:|---:|---:|---:|---:|---:|")
    tutorial, plain = measures["tutorial"].seconds, measures["plain flumine"].seconds
    for row in rows:
        taken = measures[row.name]
        runs = 20 if row.name == "sweep of 20" else 1
        rates = f"{row.markets * runs / taken.seconds:,.0f} | {row.messages * runs / taken.seconds:,.0f}"
        ratios = f"{tutorial * runs / taken.seconds:,.1f} × | {plain * runs / taken.seconds:,.1f} ×"
        table.append(f"| {row.name} | {taken.seconds:.3f} | {rates} | {taken.megabytes:.0f} | {ratios} |")
    print("\n".join(table))


def _command(subject: Subject, folder: Path) -> float:
    """Seconds of the simulate stage as the command reports them, with one worker."""
    words = ["--ratings", subject.predictions, "--strategy", "rated_price", "--lake", subject.lake, "--workers", "1"]
    done = subprocess.run(  # noqa: S603 - this module's own words
        [BACKTEST, "run", subject.archive, *words, "--json"],
        env={**os.environ, "PREFECT_HOME": str(folder / "prefect")},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(done.stdout)["stages"]["simulate"]["seconds"])


def _print_scaled(subject: Subject, times: int, folder: Path, alone: dict[str, Measure], repeat: int) -> None:
    large = _subject(*replicate(subject.archive, subject.predictions, times, folder), folder / "large")
    rows = [
        _row("warm, one core", "warm", large),
        _row("cold, one worker", "cold", large._replace(workers=1)),
        _row("cold, two workers", "cold", large._replace(workers=2)),
        _row("warm, one worker", "warm", large._replace(workers=1)),
        _row("warm, two workers", "warm", large._replace(workers=2)),
    ]
    measures = _take_turns(rows, 1)
    print(f"\n{times} × the archive: {rows[0].markets} WIN markets\n")
    print("| | seconds | markets/s | peak MB |\n|---|---:|---:|---:|")
    for row in rows:
        taken = measures[row.name]
        print(f"| {row.name} | {taken.seconds:.2f} | {row.markets / taken.seconds:,.0f} | {taken.megabytes:.0f} |")
    seconds = _command(large, folder)
    print(f"| simulate, as the command reports it | {seconds:.2f} | {rows[0].markets / seconds:,.0f} | |")
    print(f"\nthe command's simulate to plain flumine: {alone['plain flumine'].seconds * times / seconds:.2f} ×")
    rate = alone["warm"].seconds * times / measures["warm, one core"].seconds
    print(f"markets/s at {times} × to 1 ×: {rate:.2f}")
    for state in ("cold", "warm"):
        ratio = measures[f"{state}, one worker"].seconds / measures[f"{state}, two workers"].seconds
        print(f"{state}, two workers to one: {ratio:.2f} ×")
    for contender in ("bz2 alone", "cold", "warm"):
        ceiling = _ceiling(_row(contender, contender, subject), repeat)
        print(f"{contender}, two processes that share nothing to one: {ceiling:.2f} ×")


def _where() -> str:
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, {os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    typer.run(run)
