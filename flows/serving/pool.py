"""The lake's work pool, through Prefect's API: made once, and rid of runs whose processes are gone."""

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

# Its values are fixed: nobody who starts a run says which command is executed, where, or in which environment.
_TEMPLATE = Path(__file__).with_name("job_template.json")

_GOING_ON = FlowRunFilterState(
    type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING])
)


class Pool:
    """The work pool of a server.

    Args:
        client: Asks the server.
    """

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def make(self) -> None:
        """Make the pool, for one run at a time; one that is there keeps the limit that its user gave it.

        Raises:
            BacktestError: The server did not do it.
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
        """Read the pool's runs that have a place in it.

        Returns:
            Those that are pending, running or being cancelled; without what they called.

        Raises:
            BacktestError: The server did not do it.
        """
        with _told():
            return self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=_GOING_ON),
                work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[NAME])),
            )

    def crash(self, runs: Sequence[FlowRun], message: str) -> None:
        """End runs whose processes are gone, and what they called: a run that is never ended keeps its place.

        Args:
            message: Why, and what to do.

        Raises:
            BacktestError: The server did not do it.
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
        raise BacktestError(f"Prefect's server did not do what it was asked: {error}") from None
