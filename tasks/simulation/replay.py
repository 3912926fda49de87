"""One chunk of markets replayed once, for all variants that lack its orders.

Runs in worker processes, one replay at a time: flumine replaces `datetime` and sets module-wide configuration.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
from flumine import BaseStrategy
from flumine.utils import STRATEGY_NAME_HASH_LENGTH, create_cheap_hash

from strategies import STRATEGIES
from tasks.errors import BacktestError, LakeError, ReplayError
from tasks.lake.datasets import MARKETS, ORDERS, WINDOWS, Dataset
from tasks.lake.fingerprint import ENGINE, digest, fingerprint
from tasks.lake.parquet import LakeFile, Reader
from tasks.lake.store import Lake, file_path
from tasks.simulation.framework import Simulation, make_client, raise_what_is_swallowed
from tasks.simulation.garbage import collected_once
from tasks.simulation.lean_loop import LeanSimulation
from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.limits import NO_LIMITS, LimitError, Limits, limited
from tasks.simulation.order_log import OrderLog
from tasks.simulation.strategy_class import make_strategy
from tasks.simulation.stream import LakeStream
from tasks.simulation.variant import FLUMINE, LEAN, Variant
from tasks.simulation.watched_book import ChangedBookError, WatchedStream
from tasks.simulation.window import Window
from tasks.simulation.windows import WindowsFile, row_groups

VERSION = 1

# Memory grows with the markets in one framework.
_MARKETS_AT_ONCE = 40

_FILES_AT_ONCE = 8

ENGINES: dict[str, tuple[type[LakeStream], type[Simulation]]] = {
    LEAN: (LeanStream, LeanSimulation),
    FLUMINE: (LakeStream, Simulation),
}

# Whatever a strategy raises, its variant and market are named, and it does not end the worker.
_WHATEVER = (Exception, LimitError, SystemExit)

# What is no exception of the strategy's own.
_DID: dict[type[BaseException], str] = {LimitError: "took", ChangedBookError: "changed"}

Ratings = dict[str, dict[int, float]]


@dataclass(frozen=True)
class ReplayJob:
    """What a worker needs to know to replay one chunk.

    Attributes:
        lake: Where messages come from and orders go.
        archive: Its name in the lake.
        chunk: Its number.
        upstream: Fingerprint of the chunk's messages.
        market_ids: The selected markets of the chunk, in the order in which they are replayed.
        variants: Those that lack their orders, all with the same window.
        ratings: Of these markets, by the model's name.
        market_types: The types that are folded together, as in `WindowsFile`.
        limits: What the replay may take; it decides nothing of the output.
    """

    lake: Lake
    archive: str
    chunk: int
    upstream: str
    market_ids: tuple[str, ...]
    variants: tuple[Variant, ...]
    ratings: Mapping[str, Ratings]
    market_types: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS

    def fingerprint(self, variant: Variant) -> str:
        """Say what decides a variant's orders in this chunk.

        Args:
            variant: Any.

        Returns:
            The fingerprint of its file.
        """
        ratings = self.ratings.get(variant.ratings, {})
        return fingerprint(
            "simulate",
            version=VERSION,
            upstream=self.upstream,
            markets=self.market_ids,
            variant=variant.fingerprint,
            ratings=digest(
                f"{market}\0{selection}\0{rating!r}".encode()
                for market in sorted(ratings)
                for selection, rating in sorted(ratings[market].items())
            ),
            engine=ENGINE,
            schema=ORDERS.layout,
        )

    def partition(self, variant: Variant) -> dict[str, object]:
        """Say where a variant's orders of this chunk lie.

        Args:
            variant: Any.

        Returns:
            The partition of `orders`.
        """
        return {"strategy": variant.id, "archive": self.archive, "chunk": self.chunk}


def find_orders(job: ReplayJob) -> dict[str, LakeFile]:
    """Find the orders of a chunk that need not be made again.

    Args:
        job: The chunk's job, with all variants that are asked for.

    Returns:
        Variant ids and their files.
    """
    found = {v.id: job.lake.fresh(ORDERS, job.partition(v), job.fingerprint(v)) for v in job.variants}
    return {variant_id: file for variant_id, file in found.items() if file is not None}


def replay_chunk(job: ReplayJob) -> dict[str, LakeFile]:
    """Replay a chunk and write each variant's orders.

    Args:
        job: What to do.

    Returns:
        Variant ids and their files.

    Raises:
        ReplayError: A strategy raised, went beyond the limits, or changed a market book; nothing of this chunk is
            written.
        LakeError: The chunk's messages are missing, damaged, or lack a market.
    """
    rows: dict[str, list[dict[str, object]]] = {variant.id: [] for variant in job.variants}
    dataset, path = _messages(job)
    with job.lake.reader(dataset, path) as reader, limited(job.limits):
        groups = row_groups(reader)
        missing = [market_id for market_id in job.market_ids if market_id not in groups]
        if missing:
            raise LakeError(f"{path} lacks {len(missing)} markets of its catalogue ({missing[0]}, …); extract it again")
        for start in range(0, len(job.market_ids), _MARKETS_AT_ONCE):
            readers = {
                market_id: partial(_read_messages, reader, groups[market_id])
                for market_id in job.market_ids[start : start + _MARKETS_AT_ONCE]
            }
            with collected_once():
                try:
                    simulated = _simulate(readers, job.variants, job.ratings)
                except ReplayError as error:
                    raise _without_frames(error)  # noqa: B904 - it is the same error
            for variant_id, orders in simulated.items():
                rows[variant_id].extend(orders)
    # Threads, because a file's writer mostly waits until the disk has it.
    with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
        files = threads.map(lambda variant: _write(job, variant, rows[variant.id]), job.variants)
        return dict(zip(rows, files, strict=True))


def _write(job: ReplayJob, variant: Variant, rows: list[dict[str, object]]) -> LakeFile:
    try:
        table = pa.Table.from_pylist(rows, schema=ORDERS.schema)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _say(variant.id, error, "when its orders were written down") from None
    return job.lake.write(ORDERS, job.partition(variant), table, job.fingerprint(variant))


def _messages(job: ReplayJob) -> tuple[Dataset, str]:
    """Say which file is replayed; flumine's own engine folds nothing, so that it proves the folding too."""
    variant = job.variants[0]
    if variant.engine == FLUMINE:
        return MARKETS, file_path(MARKETS, {"archive": job.archive, "chunk": job.chunk})
    windows = WindowsFile(job.lake, variant.window, job.archive, job.chunk, job.upstream, job.market_types)
    if windows.fresh() is None:
        windows.make()
    return WINDOWS, windows.path


def _read_messages(reader: Reader, group: int) -> Sequence[str]:
    messages: list[str] = reader.read_row_group(group, ["message"]).column(0).to_pylist()
    return messages


def _simulate(
    readers: Mapping[str, Callable[[], Sequence[str]]], variants: Sequence[Variant], ratings: Mapping[str, Ratings]
) -> dict[str, list[dict[str, object]]]:
    stream, framework = _engine(variants)
    arguments = Window.parse(variants[0].window).listener_kwargs
    streams = [stream(market_id, read, arguments) for market_id, read in readers.items()]
    raise_what_is_swallowed()
    simulation = framework()
    log = OrderLog(simulation, variants[0].window)
    simulation.add_logging_control(log)
    strategies: dict[BaseStrategy, str] = {}
    try:
        for variant in variants:
            strategy = _make(variant, ratings.get(variant.ratings, {}))
            strategy.streams = list(streams)
            strategies[strategy] = variant.id
            simulation.add_variant(strategy, make_client(variant.id, variant.account))
        simulation.run()
    except BacktestError:
        raise
    except _WHATEVER as error:
        raise _blame(_changed_book(error, streams) or error, streams, strategies) from None
    finally:
        log.end()
    if log.failure is not None:
        strategy, failure = log.failure
        raise _say(strategies[strategy], failure, "when its orders were written down") from None
    return {variant_id: log.rows(strategy) for strategy, variant_id in strategies.items()}


def _engine(variants: Sequence[Variant]) -> tuple[type[LakeStream], type[Simulation]]:
    stream, framework = ENGINES[variants[0].engine]
    # This project's strategies are tested not to change books, so that nobody has to look.
    is_watched = stream is LeanStream and any(variant.name not in STRATEGIES for variant in variants)
    return WatchedStream if is_watched else stream, framework


def _make(variant: Variant, ratings: Ratings) -> BaseStrategy:
    try:
        strategy = make_strategy(variant.name, variant.parameters, ratings)
    except _WHATEVER as error:
        raise _say(variant.id, error, "before the first market") from None
    # A class that takes no `name` still has to have one: orders are told apart by it.
    strategy._name, strategy.name_hash = variant.id, create_cheap_hash(variant.id, STRATEGY_NAME_HASH_LENGTH)  # noqa: SLF001
    return strategy


def _changed_book(error: BaseException, streams: list[LakeStream]) -> ChangedBookError | None:
    """Look whether a strategy changed a book, on which then another stumbled."""
    if isinstance(error, LimitError):
        return None  # it may have interrupted the making of a book, which now looks like a changed one
    try:
        for stream in streams:
            if isinstance(stream, WatchedStream):
                stream.check()
    except ChangedBookError as changed:
        return changed
    return None


def _blame(error: BaseException, streams: list[LakeStream], strategies: Mapping[BaseStrategy, str]) -> ReplayError:
    """Name the variant, the market and the tick of an exception."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_in = [
        strategies[own] for f in frames if isinstance(own := f.f_locals.get("self"), BaseStrategy) and own in strategies
    ]
    seen = [stream for stream in streams if stream.publish_time]
    where = "before the first market"
    is_change = isinstance(error, ChangedBookError)
    if seen:
        tick = datetime.fromtimestamp(seen[-1].publish_time / 1000, tz=UTC).isoformat(timespec="milliseconds")
        where = f"in market {seen[-1].file_path}{', found' if is_change else ''} at {tick}"
    if is_change:
        # Found later than it was done, so it is known who did it only where nobody else could have.
        suspects = [variant_id for own, variant_id in strategies.items() if type(own) not in STRATEGIES.values()]
        return _say(suspects[0] if len(suspects) == 1 else "", error, where)
    return _say(raised_in[-1] if raised_in else "", error, where)


def _without_frames(error: ReplayError) -> ReplayError:
    """Cut an error off from where it was raised, where the whole simulation would stay in memory with it."""
    error.__context__ = None
    return error.with_traceback(None)


def _say(variant: str, error: BaseException, where: str) -> ReplayError:
    lines = "".join(traceback.format_exception(error)).rstrip()
    did = _DID.get(type(error)) or f"raised {type(error).__name__}:"
    return ReplayError(f"{variant or 'the simulation'} {did} {error} {where}\n{lines}", variant)
