"""The ways from an archive to orders that are compared; each runs alone in a fresh process and says what it took.

Imports are not counted, for any of them; reading and writing files is.
"""

import bz2
import csv
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import scipy.stats  # type: ignore[import-untyped] # noqa: F401 - imported late by what computes results; no types
from flumine import FlumineSimulation, clients
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream

from benchmarks import tutorial
from benchmarks.peak import peak, peak_of
from strategies.rated_price import RatedPrice, RatedPriceParameters
from tasks.aggregation.commission import Commission
from tasks.aggregation.results import Run, find_orders, find_results, read_orders, write_results
from tasks.archives.archive import read_index, read_members
from tasks.archives.identity import read_archive
from tasks.archives.manifest import read_manifest
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.extraction.extract import extract_chunk, find_extracted
from tasks.extraction.stage import plan_extraction
from tasks.extraction.write_manifest import write_manifest
from tasks.lake.datasets import WINDOWS
from tasks.lake.store import Lake
from tasks.orders.coverage import index_orders
from tasks.ratings.days import as_lookup, load_ratings, store_day
from tasks.ratings.predictions import ALL_DAYS, find_file
from tasks.simulation.framework import quiet
from tasks.simulation.replay import replay_chunk
from tasks.simulation.stage import plan_replays
from tasks.variants.guarded_config import guard_config
from tasks.variants.variant import Account, Variant, make_variant
from tasks.workers import worker_pool

CHUNK_BYTES = 2_000_000
WINDOW = "80s"
WIN = MarketFilter(market_types=["WIN"])


class Subject(NamedTuple):
    """What is measured on.

    Attributes:
        archive: A tar.
        predictions: A CSV of ratings.
        lake: A lake in which the archive was extracted.
        workers: Processes; 0 works in this one.
    """

    archive: str
    predictions: str
    lake: str
    workers: int = 0


class Measure(NamedTuple):
    """What a contender took.

    Attributes:
        seconds: Wall time.
        megabytes: Peak resident memory of the process, or of its largest worker.
        orders: Orders that came out.
    """

    seconds: float
    megabytes: float
    orders: int


def measure(contender: str, subject: Subject) -> Measure:
    """Run one contender.

    Args:
        contender: A name of `CONTENDERS`.
        subject: What it is measured on.

    Returns:
        What it took.
    """
    if subject.workers:
        with worker_pool(1) as pool:
            pool.run(len, ())  # starts the server from which workers are forked, whose imports are not counted either
    seconds, orders = CONTENDERS[contender](subject)
    return Measure(seconds, max(_workers_peaks, default=peak()), orders)


_workers_peaks: list[float] = []


def _on_workers(work: Callable[[Any], object], jobs: list[Any], workers: int) -> None:
    """Do jobs here, or in worker processes whose peak memory is kept."""
    if not workers:
        for job in jobs:
            work(job)
        return
    with worker_pool(workers) as pool, ThreadPoolExecutor(workers) as threads:
        _workers_peaks.extend(threads.map(partial(pool.run, partial(peak_of, work)), jobs))


def _tutorial(subject: Subject) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        files = _unpack(subject.archive, folder)
        output = str(Path(folder) / "orders.csv")
        for start in range(0, len(files), tutorial.MARKETS_A_PROCESS):
            tutorial.run(files[start : start + tutorial.MARKETS_A_PROCESS], subject.predictions, output)
        seconds = time.perf_counter() - started
        return seconds, len(Path(output).read_text(encoding="utf-8").splitlines())


def _plain_flumine(subject: Subject) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        files = _unpack(subject.archive, folder)
        with Path(subject.predictions).open(encoding="utf-8") as file:
            ratings: dict[str, dict[int, float]] = {}
            for row in csv.DictReader(file):
                rated = ratings.setdefault(row["market_id"].ljust(11, "0"), {})
                rated.setdefault(int(row["selection_id"]), float(row["rating"]))
        quiet()
        guard_config()
        started = time.perf_counter()
        framework = FlumineSimulation(clients.SimulatedClient())
        arguments = {"inplay": False, "seconds_to_start": 80}
        streams = [BetfairHistoricalStream(file_path=file, listener_kwargs=arguments) for file in files]
        framework.add_strategy(RatedPrice(RatedPriceParameters(), ratings, streams=streams))
        framework.run()
        seconds = time.perf_counter() - started
        return seconds, sum(len(market.blotter) for market in framework.markets)


def _unpack(archive: str, folder: str) -> list[str]:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return [str(path) for path in sorted(Path(folder).rglob("*.bz2")) if tutorial.is_win(path)]


def _cold(subject: Subject) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        return _timed(lambda: _backtest(subject._replace(lake=folder), _variants(subject, 1)))


def _warm(subject: Subject, variants: int = 1, strategy: str = "rated_price") -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        _link(subject.lake, folder)
        lake = Lake(folder)
        run = _plan(lake, subject, _variants(subject, variants, strategy))
        return _timed(lambda: _simulate(run, subject.workers))


def _own(subject: Subject) -> tuple[float, int]:
    return _warm(subject, strategy="benchmarks.own_strategy:Own")


def _sweep(subject: Subject) -> tuple[float, int]:
    return _warm(subject, variants=20)


def _nothing(subject: Subject) -> tuple[float, int]:
    variants = _variants(subject, 1)
    _backtest(subject, variants)
    return _timed(lambda: _backtest(subject, variants))


def _bz2_alone(subject: Subject) -> tuple[float, int]:
    index = read_index(subject.archive)
    stored = [raw for _, raw in read_members(subject.archive, index.members)]
    return _timed(lambda: sum(len(bz2.decompress(raw)) for raw in stored))


def _orjson_alone(subject: Subject) -> tuple[float, int]:
    lake = Lake(subject.lake)
    run = _plan(lake, subject, _variants(subject, 1))
    messages = []
    for job in run.jobs:
        first = job.sessions[0].markets[0]
        key = WINDOWS.at(WINDOW, first.archive, first.chunk)
        rows = lake.read(key, ["market_id", "message"]).to_pydict()
        chosen = set(job.market_ids)
        pairs = zip(rows["market_id"], rows["message"], strict=True)
        messages += [message for market_id, message in pairs if market_id in chosen]
    return _timed(lambda: sum(1 for message in messages if orjson.loads(message)))


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    orders = work()
    return time.perf_counter() - started, orders


def _variants(subject: Subject, count: int, strategy: str = "rated_price") -> tuple[Variant, ...]:
    source = find_file(subject.predictions)
    return tuple(
        make_variant(
            strategy,
            {"stake": 5 if n == 0 else round(5 + n / 100, 2)},
            ratings=source.name,
            window=WINDOW,
            account=Account(),
        )
        for n in range(count)
    )


def extract(subject: Subject) -> None:
    """Fill the subject's lake.

    Args:
        subject: What is measured on.
    """
    lake = Lake(subject.lake)
    source = find_file(subject.predictions)
    archive = read_archive(lake, subject.archive)
    jobs = plan_extraction(lake, archive, CHUNK_BYTES, WINDOW, WIN.market_types)
    lacking = [job for job in jobs if find_extracted(job) is None]
    _on_workers(extract_chunk, lacking, subject.workers)
    write_manifest(lake, archive, jobs, WIN.market_types)
    store_day(lake, source, ALL_DAYS)


def _backtest(subject: Subject, variants: tuple[Variant, ...]) -> int:
    extract(subject)
    run = _plan(Lake(subject.lake), subject, variants)
    orders = _simulate(run, subject.workers)
    if find_results(run) is None:
        markets, _ = select_markets(run.lake, run.archives, WIN)
        write_results(run, markets)
    return orders


def _plan(lake: Lake, subject: Subject, variants: tuple[Variant, ...]) -> Run:
    manifest = read_manifest(lake, read_archive(lake, subject.archive), WIN.market_types)
    markets, _ = select_markets(lake, [manifest], WIN)
    source = find_file(subject.predictions)
    ratings = as_lookup(load_ratings(lake, source, [ALL_DAYS], markets))
    return Run(
        lake,
        variants,
        (manifest,),
        tuple(plan_replays(lake, markets, variants, {source.name: ratings})),
        Commission(),
    )


def _simulate(run: Run, workers: int) -> int:
    index = index_orders(run.lake, run.jobs)
    _on_workers(replay_chunk, [lacking for job in run.jobs for lacking in index.coverage(job).lacking], workers)
    orders = read_orders(run.lake, find_orders(run).parts)
    return int((orders["strategy_name"] == run.variants[0].id).sum())


def _link(lake: str, folder: str) -> None:
    """Make a lake that has the extracted datasets of another, and no orders."""
    for name in ("manifests", "catalogue", "markets", "windows", "ratings"):
        (Path(folder) / name).symlink_to(Path(lake) / name, target_is_directory=True)


CONTENDERS: dict[str, Callable[[Subject], tuple[float, int]]] = {
    "tutorial": _tutorial,
    "plain flumine": _plain_flumine,
    "cold": _cold,
    "warm": _warm,
    "warm, own strategy": _own,
    "sweep of 20": _sweep,
    "nothing to do": _nothing,
    "bz2 alone": _bz2_alone,
    "orjson alone": _orjson_alone,
}
