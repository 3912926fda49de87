"""What all stage flows share: running them, waiting for their tasks, and reporting failures."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

from prefect.exceptions import MissingResult
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from flows.artifacts import ProgressArtifact
from flows.events import one_line
from tasks.errors import BacktestError, InputError, StageError
from tasks.executor import Executor
from tasks.machine import cores
from tasks.progress import Piece, Progress, Words, activity
from tasks.tally import StageRecord, Tally

logger = logging.getLogger("backtest")

# For tasks that do their work in their own thread.
TASK_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=cores()))


def waiting_threads(executor: Executor) -> "ThreadPoolTaskRunner[Any]":
    """Return the runner of tasks that only wait for an executor, with a thread for each job that it is given at once.

    So Prefect shows the running jobs as running; of a cluster, also those that wait for its next free worker.
    """
    return ThreadPoolTaskRunner(max_workers=executor.most)


J = TypeVar("J")
P = TypeVar("P")
R = TypeVar("R")


def run_stage(stage: Callable[[P], R], parameters: P) -> R:
    """Run a stage's flow; retry once if Prefect lost its result.

    A flow that had nothing to do ends in the state Cached, whose data exists in this process only. If a busy server
    accepts the state but its response is lost, Prefect's client retries and receives the state without the data.
    """
    attempts = Retrying(stop=stop_after_attempt(2), retry=retry_if_exception_type(MissingResult), reraise=True)
    return attempts(stage, parameters)


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """Let the flow runs of this block send no heartbeats, for which Prefect keeps each flow up to a second at its end.

    A stage's say nothing that those of its parent do not.
    """
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


class Divided(NamedTuple, Generic[J]):
    """A stage's jobs.

    Attributes:
        todo: Number of each job that has work to do, from 1 among all, the job, and its piece of the stage; the largest
            first, so that no worker is left with it at the end.
        done: Tallies of the others, each with its piece; they need no task run.
    """

    todo: list[tuple[int, J, Piece]]
    done: list[tuple[Tally, Piece]]


def divide(find: Callable[[J], Tally | None], jobs: Sequence[J], pieces: Sequence[Piece]) -> Divided[J]:
    """Divide a stage's jobs by whether their output is already in the lake.

    On a retry every job gets a task run: Prefect matches the task runs of both attempts by their order, so a failed one
    ends in the state of its own job.

    Args:
        find: Counts a job's output; None if it has to be made.
        jobs: The stage's.
        pieces: What each job is of the stage.
    """
    numbered = [(number, job, piece) for number, (job, piece) in enumerate(zip(jobs, pieces, strict=True), start=1)]
    largest_first = partial(sorted, key=lambda one: -one[2].size)
    if flow_run.run_count > 1:
        return Divided(largest_first(numbered), [])

    def found(job: J) -> Tally | None:
        try:
            return find(job)
        except BacktestError as error:
            # Its task makes it again, or fails the same way.
            logger.warning("%s", one_line(error))
            return None

    with ThreadPoolExecutor(cores()) as threads:
        tallies = list(threads.map(found, jobs))
    return Divided(
        largest_first(one for one, tally in zip(numbered, tallies, strict=True) if tally is None),
        [(tally, piece) for tally, piece in zip(tallies, pieces, strict=True) if tally],
    )


def gather(
    stage: str,
    words: Words,
    futures: Mapping[Any, Piece],
    done: Sequence[tuple[Tally, Piece]] = (),
    *,
    started: float,
) -> StageRecord:
    """Wait for all of a stage's tasks, even if some fail.

    Args:
        stage: The stage's name.
        words: Its nouns.
        futures: Its tasks, each with its piece of the stage.
        done: Tallies of work that needed no task, each with its piece.
        started: `time.monotonic()` at the stage's start.

    Returns:
        The sum of the tasks' tallies, checked.

    Raises:
        InputError: All failures are wrong input.
        StageError: Some tasks failed; the others' output is kept, and the next run redoes only the failed ones.
        BalanceError: The counts do not add up.
    """
    progress = Progress(stage, words, list(futures.values()), [piece for _, piece in done])
    tallies: list[Tally] = []
    for tally, piece in done:
        tallies.append(tally)
        progress.advance(piece, tally.out)
    activity.follow(progress)
    artifact = ProgressArtifact(progress)
    failures: list[Exception] = []
    for future in as_completed(list(futures)):
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, Exception):
            failures.append(outcome)
        else:
            tallies.append(outcome)
            progress.advance(futures[future], outcome.out)
            artifact.update()
    if failures and all(isinstance(failure, InputError) for failure in failures):
        raise failures[0]
    if failures:
        raise _stage_error(stage, failures, len(futures) + len(done)) from failures[0]
    total = Tally.of(tallies).balanced(stage)
    return StageRecord(**total.model_dump(), seconds=time.monotonic() - started)


def _stage_error(stage: str, failures: list[Exception], tasks: int) -> StageError:
    first = failures[0]
    said = str(first) if isinstance(first, BacktestError) else one_line(first)
    return StageError(f"{stage}: {len(failures)} of {tasks} tasks failed; the others' output is kept. {said}", failures)
