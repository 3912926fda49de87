"""The simulate stage's Prefect task and its jobs; the other modules of this package do the replay."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pandas as pd
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import BacktestError, BalanceError, ChangedSourceError, JobError, ReplayError, WorkerError
from tasks.executor import Executor
from tasks.lake.store import Lake
from tasks.orders.coverage import OrderIndex
from tasks.orders.files import Part
from tasks.orders.job import ReplayJob
from tasks.orders.session import Ratings, Session, divide
from tasks.progress import Piece
from tasks.rejects import Reject
from tasks.simulation.instance_times import InstanceTimes
from tasks.simulation.replay import ReplayedChunk, replay_alone, replay_chunk
from tasks.simulation.replayed import Replayed, joined
from tasks.simulation.write_orders import write_orders
from tasks.tally import Tally, completed
from tasks.variants.dependencies.record import dependencies_of
from tasks.variants.strategy_class import find_strategy
from tasks.variants.variant import Variant

logger = logging.getLogger("backtest")


def plan_replays(
    lake: Lake,
    markets: pd.DataFrame,
    variants: Sequence[Variant],
    ratings: Mapping[str, Ratings],
) -> list[ReplayJob]:
    """Divide a run into jobs, one for the sessions that begin in a chunk.

    Args:
        markets: The selected rows of the catalogue, with columns `archive` and `upstream`.
        variants: All that are wanted, with the same window, session and settings.
        ratings: By the model's name.

    Returns:
        The jobs; each session is in exactly one.

    Raises:
        BalanceError: A market is in no job, or in two.
    """
    together: dict[tuple[str, int, str], list[Session]] = {}
    for session in divide(markets, variants[0].session):
        first = session.markets[0]
        together.setdefault((first.archive, first.chunk, session.month), []).append(session)
    jobs = [
        ReplayJob(lake, tuple(sessions), tuple(variants), _of_markets(ratings, sessions))
        for _, sessions in sorted(together.items())
    ]
    planned = Counter(market_id for job in jobs for market_id in job.market_ids)
    if planned != Counter(markets["market_id"]):
        raise BalanceError(f"simulate: {len(markets)} markets were selected, {planned.total()} are in the jobs")
    return jobs


def _of_markets(ratings: Mapping[str, Ratings], sessions: Sequence[Session]) -> dict[str, Ratings]:
    market_ids = [market_id for session in sessions for market_id in session.market_ids]
    return {
        model: {market_id: rated[market_id] for market_id in market_ids if market_id in rated}
        for model, rated in ratings.items()
    }


def find_replayed(job: ReplayJob, index: OrderIndex) -> Tally | None:
    """Count what the lake has of a job; None where any of it is to be replayed.

    Raises:
        BalanceError: Markets are missing from the orders, and are no rejects either.
    """
    found = index.coverage(job)
    return None if found.lacking else _count(job, found.parts, [*found.rejects.values()], cached=True)


@task(name="simulate chunk", task_run_name="simulate chunk {number}/{of}", cache_policy=NO_CACHE, persist_result=False)
def simulate_chunk_task(  # noqa: PLR0913, PLR0917 - job, orders, run name, workers, times, progress
    job: ReplayJob,
    index: OrderIndex,
    number: int,  # noqa: ARG001 - used in the run's name
    of: int,  # noqa: ARG001 - used in the run's name
    executor: Executor,
    times: InstanceTimes,
    piece: Piece,
) -> Tally:
    """Replay what a job lacks, once for all variants that lack the same.

    Args:
        index: The existing orders.
        number: The job's number within the stage, from 1.
        of: The number of jobs.
        times: Receives the variants' times.
        piece: Learns how much is done.

    Returns:
        Counts of markets: taken, replayed for every variant, and rejected for some.

    Raises:
        ReplayError: A strategy raised, looped, leaked memory, or changed shared state; the other variants' orders are
            written.
        WorkerError: A strategy ends its process; the other variants' orders are written.
        ChangedSourceError: A strategy's source changed; orders of the older source are not used.
        BalanceError: Markets are missing from the orders, and are no rejects either.
    """
    found = index.coverage(job)
    parts, rejects = [*found.parts], [*found.rejects.values()]
    shares = [share for lacking in found.lacking for group in _apart(lacking) for share in _shared_out(group, executor)]
    with ThreadPoolExecutor(max(len(shares), 1)) as threads:
        done = _together(*threads.map(partial(_replay, executor=executor), shares, _counted(piece, shares)))
    times.add(done.took)
    for failure in done.failures[1:]:
        logger.warning("simulate: %s", str(failure).partition("\n")[0])
    for failure in done.failures:
        raise failure
    made = OrderIndex(done.files)
    for lacking in found.lacking:
        covered = made.coverage(lacking)
        parts += covered.parts
        rejects += covered.rejects.values()
        for still in covered.lacking:
            changed = ", ".join(variant.id for variant in still.variants)
            raise ChangedSourceError(f"{changed}: what was used is another since the replay")
    return completed(_count(job, parts, rejects, cached=not found.lacking))


def _apart(job: ReplayJob) -> list[ReplayJob]:
    """Divide a job by what a module may have changed on import: this project's strategies, or what they import.

    Strategies of several modules stay together where these have no own module in common.
    """
    modules = {variant.name.partition(":")[0]: variant.name for variant in job.variants if not variant.is_ours}
    several = modules if len(modules) > 1 else {}
    reached = {module: dependencies_of(find_strategy(name)) for module, name in several.items()}
    owned = Counter(name for used in reached.values() for name in {**used.modules, **used.imported})
    sharing = {module for module, used in reached.items() if any(owned[name] > 1 for name in used.modules)}
    groups: dict[str, list[Variant]] = {}
    for variant in job.variants:
        module = variant.name.partition(":")[0]
        groups.setdefault("" if variant.is_ours else module if module in sharing else ":", []).append(variant)
    return [replace(job, variants=tuple(group)) for group in groups.values()]


def _shared_out(job: ReplayJob, executor: Executor) -> list[ReplayJob]:
    """Distribute the variants of a session of all markets over the workers, which would otherwise be idle."""
    count = min(executor.width, len(job.variants)) if job.variants[0].session == "run" else 1
    return [replace(job, variants=job.variants[number::count]) for number in range(count)]


def _counted(piece: Piece, shares: Sequence[ReplayJob]) -> list[Callable[[int], None]]:
    """Return for each share what counts its markets; each counts as much as it has variants."""
    counts = [0] * len(shares)
    whole = sum(len(share.market_ids) * len(share.variants) for share in shares)

    def count(number: int, markets: int) -> None:
        counts[number] = max(counts[number], markets)
        done = sum(passed * len(share.variants) for passed, share in zip(counts, shares, strict=True))
        piece.reach(done / whole)

    return [partial(count, number) for number in range(len(shares))]


def _count(job: ReplayJob, parts: Sequence[Part], rejects: Sequence[Sequence[Reject]], *, cached: bool) -> Tally:
    """Count the markets taken against those that came out: in the files of all variants, or rejected for some."""
    variants = Counter[str]()
    for part in parts:
        variants.update(dict.fromkeys(part.markets, len(part.variants)))
    whole = {market_id for market_id in job.market_ids if variants[market_id] == len(job.variants)}
    rejected = {reject.what for of_variant in rejects for reject in of_variant}
    tally = Tally(cached=cached, taken=len(job.market_ids), out=len(whole - rejected), rejected=len(rejected))
    return tally.balanced(f"simulate, {job.title}")


def _replay(job: ReplayJob, passed: Callable[[int], None], executor: Executor) -> ReplayedChunk:
    """Replay a job's variants side by side, except for those that have to be replayed alone."""
    try:
        done = executor.run(replay_chunk, job, passed)
    except (ReplayError, WorkerError, JobError) as error:
        return _without_culprit(job, error, passed, executor)
    leavers = tuple(variant for variant in job.variants if variant.id in done.leavers)
    return _together(done, _each_alone(replace(job, variants=leavers), executor, was_alone=len(job.variants) == 1))


def _each_alone(job: ReplayJob, executor: Executor, *, was_alone: bool) -> ReplayedChunk:
    """Replay one variant at a time: all sessions in one process, or each session in a fresh one."""
    replayed: dict[str, Replayed] = {}
    failures: list[BacktestError] = []
    for variant in job.variants:
        alone = replace(job, variants=(variant,))
        try:
            whole = None if was_alone else executor.run(replay_alone, alone)
            replayed[variant.id] = whole or joined(_session_by_session(alone, executor))
        except (ReplayError, WorkerError, JobError, ChangedSourceError) as error:
            failures.append(_of_variant(error, alone))
    file, unkept = write_orders(job, replayed)
    return ReplayedChunk([file] if file else [], [*failures, *unkept])


def _session_by_session(job: ReplayJob, executor: Executor) -> list[Replayed]:
    parts = (executor.run(replay_alone, replace(job, sessions=(session,))) for session in job.sessions)
    # With one session and one variant nothing can be left behind for anybody, so every part is there.
    return [part for part in parts if part is not None]


def _without_culprit(
    job: ReplayJob, error: ReplayError | WorkerError | JobError, passed: Callable[[int], None], executor: Executor
) -> ReplayedChunk:
    """Replay a job again that one variant spoiled for all; bisect to find a culprit that is not named."""
    if len(job.variants) == 1:
        return ReplayedChunk(failures=[_of_variant(error, job)])
    named = error.variant if isinstance(error, ReplayError) else ""
    # The named variant may have failed because of another's change.
    suspects = tuple(variant for variant in job.variants if variant.id == named)
    suspects = suspects or job.variants[: len(job.variants) // 2]
    others = tuple(variant for variant in job.variants if variant not in suspects)
    return _together(*(_replay(replace(job, variants=variants), passed, executor) for variants in (suspects, others)))


def _together(*parts: ReplayedChunk) -> ReplayedChunk:
    return ReplayedChunk(
        [file for part in parts for file in part.files],
        [failure for part in parts for failure in part.failures],
        took={variant_id: took for part in parts for variant_id, took in part.took.items()},
    )


def _of_variant(error: BacktestError, job: ReplayJob) -> BacktestError:
    """Name the job's only variant in an error that does not name one."""
    (variant,) = job.variants
    if isinstance(error, WorkerError | JobError):
        first, last = job.market_ids[0], job.market_ids[-1]
        return WorkerError(f"{variant.id} on {job.title}, markets {first} to {last}: {error}")
    if isinstance(error, ReplayError) and not error.variant:
        return ReplayError(f"{variant.id}: {error}", variant.id)
    return error
