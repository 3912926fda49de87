"""End runs that occupy the pool but have no process, so that waiting runs can start."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
from prefect.client.schemas.objects import FlowRun, StateType

from flows.serving.pool import Pool

if TYPE_CHECKING:
    from uuid import UUID

_SECONDS_WITHOUT_PROCESS = 60  # a busy worker takes a while to start a process or to report its end
_SECONDS_PENDING = 300

_NO_PROCESS = "Its process ended without reporting a result. Retry does what is missing."
_NEVER_BEGAN = "Pending for five minutes: its process did not start. Retry does what is missing."

_RUN = "PREFECT__FLOW_RUN_ID"


class AbandonedRuns:
    """Watches the runs of a pool whose worker is on this machine.

    Args:
        pool: The pool.
        worker: The worker's process id.
        clock: Monotonic seconds.
    """

    def __init__(self, pool: Pool, worker: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._worker, self._clock = pool, worker, clock
        self._since: dict[tuple[UUID, UUID | None, bool], float] = {}

    def crash(self) -> None:
        """Check once, and end runs that have been without a process, or pending, for too long.

        Raises:
            BacktestError: A request to Prefect's server failed.
        """
        runs, processes, now = self._pool.going_on(), _runs_of(self._worker), self._clock()
        seen = {(run.id, run.state_id, str(run.id) in processes): run for run in runs}
        self._since = {key: self._since.get(key, now) for key in seen}
        for key, run in seen.items():
            if message := _verdict(run, now - self._since[key], has_process=key[-1]):
                self._pool.crash([run], message)


def _verdict(run: FlowRun, seconds: float, *, has_process: bool) -> str | None:
    if not has_process and seconds >= _SECONDS_WITHOUT_PROCESS:
        return _NO_PROCESS
    if run.state_type == StateType.PENDING and seconds >= _SECONDS_PENDING:
        return _NEVER_BEGAN
    return None


def _runs_of(worker: int) -> set[str]:
    """Return the run ids of the worker's processes."""
    found: set[str] = set()
    try:
        processes = psutil.Process(worker).children(recursive=True)
    except psutil.NoSuchProcess:
        return found
    for process in processes:
        try:
            found.add(process.environ().get(_RUN, ""))
        except psutil.Error:  # it has ended
            continue
    return found
