"""The lake's work pool, through Prefect's API: made once, and rid of runs whose processes are gone."""

from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tasks.errors import BacktestError

NAME = "data_lake"
"""The pool's name, as in prefect.yaml."""

_GOING_ON = {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}
_CRASHED = {"type": "CRASHED", "message": "Stopped with its worker. Retry does what is missing."}

_SECONDS = 30


class Pool:
    """The work pool of the server at an API's address."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._http = requests.Session()
        # Prefect's answer when SQLite is locked for a moment; it then closes the connection, which counts as well.
        busy = [HTTPStatus.SERVICE_UNAVAILABLE]
        retry = Retry(10, backoff_factor=0.2, backoff_max=3, status_forcelist=busy, allowed_methods=None)
        self._http.mount("http://", HTTPAdapter(max_retries=retry))

    def make(self) -> None:
        """Make the pool, for one run at a time; one that is there keeps the limit that its user gave it.

        Raises:
            BacktestError: The server did not do it.
        """
        pool = {"name": NAME, "type": "process", "concurrency_limit": 1, "description": "One run at a time on the lake"}
        self._post("work_pools/", pool, fine=HTTPStatus.CONFLICT)

    def crash_runs(self) -> None:
        """End the pool's runs that go on, and what they called; there must be no worker.

        A run that is never ended keeps the pool's one place.

        Raises:
            BacktestError: The server did not do it.
        """
        left = self._ids({"work_pools": {"name": {"any_": [NAME]}}, "flow_runs": {"state": _GOING_ON}})
        while left:
            for run in left:
                self._post(f"flow_runs/{run}/set_state", {"state": _CRASHED, "force": True})
            left = self._ids({"flow_runs": {"state": _GOING_ON, "parent_flow_run_id": {"any_": left}}})

    def _ids(self, criteria: dict[str, Any]) -> list[str]:
        return [run["id"] for run in self._post("flow_runs/filter", criteria).json()]

    def _post(self, path: str, body: dict[str, Any], fine: HTTPStatus | None = None) -> requests.Response:
        try:
            answer = self._http.post(f"{self._api}/{path}", json=body, timeout=_SECONDS)
            if answer.status_code != fine:
                answer.raise_for_status()
        except requests.RequestException as error:
            raise BacktestError(f"Prefect's server did not do what it was asked: {error}") from None
        return answer
