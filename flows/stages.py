"""What every stage flow does the same way: collecting its mapped tasks, and saying which of them failed."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from prefect.exceptions import MissingResult
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from flows.artifacts import ProgressArtifact
from flows.events import one_line
from tasks.errors import BacktestError, InputError, StageError
from tasks.executor import Executor
from tasks.machine import cores
from tasks.progress import Progress, Words
from tasks.tally import StageRecord, Tally

logger = logging.getLogger("backtest")

# Of tasks that work in their own thread.
TASK_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=cores()))


def waiting_threads(executor: Executor) -> "ThreadPoolTaskRunner[Any]":
    """Make the runner of tasks that only wait for an executor: a thread for each job that it does at once.

    So Prefect shows as running what is running.
    """
    return ThreadPoolTaskRunner(max_workers=executor.width)


J = TypeVar("J")
P = TypeVar("P")
R = TypeVar("R")


def run_stage(stage: Callable[[P], R], parameters: P) -> R:
    """Run a stage's flow, once more where Prefect's server lost its answer.

    A flow that had nothing to do ends in a state of its own name, Cached, whose data is this process's alone. Where a
    busy server takes a state and its answer gets lost, Prefect asks again and is given the state without them.

    Args:
        stage: The flow.
        parameters: What it is given.

    Returns:
        What it returns.
    """
    attempts = Retrying(stop=stop_after_attempt(2), retry=retry_if_exception_type(MissingResult), reraise=True)
    return attempts(stage, parameters)


def find_done(find: Callable[[J], Tally | None], jobs: Sequence[J]) -> list[Tally | None]:
    """Count the jobs whose output is in the lake already: they need no task run.

    A flow run's second attempt has a task run for each job, as the first may have had: Prefect knows them by their
    order alone, and one that failed before is to end as its job does now.

    Args:
        find: Counts the output of a job; None where it is to be made.
        jobs: The stage's.

    Returns:
        One a job.
    """
    if flow_run.run_count > 1:
        return [None] * len(jobs)

    def found(job: J) -> Tally | None:
        try:
            return find(job)
        except BacktestError as error:
            # Its task meets the same, or makes it again.
            logger.warning("%s", one_line(error))
            return None

    with ThreadPoolExecutor(cores()) as threads:
        return list(threads.map(found, jobs))


def gather(
    stage: str,
    words: Words,
    futures: Mapping[Any, int],
    done: Sequence[tuple[Tally, int]] = (),
    *,
    started: float,
) -> StageRecord:
    """Wait for a stage's tasks; those that failed do not stop the others.

    Args:
        stage: The stage's name.
        words: What its tasks and their output are called.
        futures: Its tasks, each with the bytes that it handles, for the estimate of the time left; zeros where they say
            nothing about it.
        done: What needed no task, each with its bytes.
        started: `time.monotonic()` at the stage's start.

    Returns:
        What all of them counted, checked.

    Raises:
        InputError: What the user gave is wrong, and nothing else is.
        StageError: Some failed; what the others wrote is kept, and the next run redoes only those.
        BalanceError: The counts do not add up.
    """
    parts = len(futures) + len(done)
    progress = Progress(stage, words, parts, sum(futures.values()) + sum(size for _, size in done))
    tallies: list[Tally] = []
    for tally, size in done:
        tallies.append(tally)
        progress.advance(tally.out, size)
    artifact = ProgressArtifact(progress)
    failures: list[Exception] = []
    for future in as_completed(list(futures)):
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, Exception):
            failures.append(outcome)
        else:
            tallies.append(outcome)
            progress.advance(outcome.out, futures[future])
            artifact.update()
    if failures and all(isinstance(failure, InputError) for failure in failures):
        raise failures[0]
    if failures:
        raise _stage_error(stage, failures, parts) from failures[0]
    total = Tally.of(tallies).balanced(stage)
    return StageRecord(**total.model_dump(), seconds=time.monotonic() - started)


def _stage_error(stage: str, failures: list[Exception], tasks: int) -> StageError:
    first = failures[0]
    said = str(first) if isinstance(first, BacktestError) else one_line(first)
    return StageError(
        f"{stage}: {len(failures)} of {tasks} tasks failed, what the others wrote is kept. {said}", failures
    )
