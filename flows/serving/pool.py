"""The lake's work pool, through Prefect's API: create it, list its runs, and crash runs without a process."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Crashed

from tasks.errors import BacktestError

NAME = "data_lake"
"""The pool's name, as in prefect.yaml."""

# With fixed values, so that whoever starts a run cannot choose the command, folder or environment.
_TEMPLATE = Path(__file__).with_name("job_template.json")

_GOING_ON = FlowRunFilterState(
    type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
)


class Pool:
    """The work pool of a server.

    Args:
        client: A client of the server.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def make(self) -> None:
        """Create the pool, for one run at a time; an existing pool keeps the user's own limit.

        Raises:
            BacktestError: The request failed.
        """
        template = json.loads(_TEMPLATE.read_text())
        pool = WorkPoolCreate(
            name=NAME,
            type="process",
            concurrency_limit=1,
            description="One run at a time on the lake",
            base_job_template=template,
        )
        with _told():
            try:
                self._client.create_work_pool(pool)
            except ObjectAlreadyExists:
                self._client.update_work_pool(NAME, WorkPoolUpdate(base_job_template=template))

    def going_on(self) -> list[FlowRun]:
        """List the runs that occupy the pool: pending, running or being cancelled; without their subflows.

        Raises:
            BacktestError: The request failed.
        """
        with _told():
            return self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=_GOING_ON),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[NAME])),
            )

    def crash(self, runs: Sequence[FlowRun], message: str) -> None:
        """Set runs without a process, and their subflows, to Crashed; otherwise they would occupy the pool forever.

        Args:
            runs: The runs.
            message: Why, and what to do.

        Raises:
            BacktestError: The request failed.
        """
        with _told():
            while runs:
                for run in runs:
                    self._client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                runs = self._called_by([run.id for run in runs])

    def _called_by(self, parents: list[UUID]) -> list[FlowRun]:
        parent = FlowRunFilterParentFlowRunId(any_=parents)
        return self._client.read_flow_runs(flow_run_filter=FlowRunFilter(state=_GOING_ON, parent_flow_run_id=parent))


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise BacktestError(f"a request to Prefect's server failed: {error}") from None
