"""`backtest serve` as a user has it: a terminal, and its API as a browser uses it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

BACKTEST = Path(sys.executable).parent / "backtest"

# Seconds that a server, a browser or a process may take on a slow or busy machine; elsewhere it is long over by then.
PATIENCE = 300

# Milliseconds, for what a page shows.
BROWSER_PATIENCE = 120_000

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Served:
    """A running `backtest serve`, its terminal, and its API as a browser uses it."""

    def __init__(self, home: Path, lake: Path, user: Path, *options: str, umask: int = -1) -> None:
        self.port = free_port()
        self.home, self.lake = home, lake
        self.terminal = user / "terminal.txt"
        # What a shell may have set for another server.
        settled = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment = {**settled, "PREFECT_HOME": str(home), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
        with self.terminal.open("wb") as terminal:
            self.process = subprocess.Popen(
                [BACKTEST, "serve", "--port", str(self.port), "--lake", str(lake), *options],
                umask=umask,
                cwd=user,
                env=environment,
                stdout=terminal,
                stderr=terminal,
            )
        self.http = requests.Session()
        # SQLite can be locked for seconds: Prefect then answers 503 and closes the connection, both of which count.
        retry = Retry(16, backoff_factor=0.1, backoff_max=2, status_forcelist=[503], allowed_methods=None)
        self.http.mount("http://", HTTPAdapter(max_retries=retry))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> str:
        return self.terminal.read_text()

    @property
    def link(self) -> str:
        """The printed link that signs a browser in."""
        return next(word for word in self.printed.split() if word.startswith(f"{self.address}/"))

    @property
    def word(self) -> str:
        """What opens the server."""
        return self.link.partition("#")[2]

    def wait_until_ready(self) -> None:
        until(lambda: "Ctrl-C" in self.printed or self.process.poll() is not None)
        assert self.address in self.printed, self.printed
        user, _, password = self.word.partition(":")
        self.http.auth = (user, password)
        self._get_token()

    def get(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, **body).json()

    def ask(self, method: str, path: str, **body: Any) -> requests.Response:
        answer = self.http.request(method, f"{self.address}/api/{path}", json=body, timeout=PATIENCE)
        if answer.status_code == HTTPStatus.FORBIDDEN:  # a token is good for an hour
            self._get_token()
            answer = self.http.request(method, f"{self.address}/api/{path}", json=body, timeout=PATIENCE)
        return answer

    def _get_token(self) -> None:
        asked = f"{self.address}/api/csrf-token?client=tests"
        token = self.http.get(asked, timeout=PATIENCE).json()["token"]
        self.http.headers.update({"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token})

    def start_run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        found = self.get(f"deployments/name/{deployment}")
        return self.post(f"deployments/{found['id']}/create_flow_run", parameters=parameters)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        return self.post("flow_runs/filter", flows={"name": {"any_": [flow]}}, sort="EXPECTED_START_TIME_DESC")

    def run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        return self.wait_for(self.start_run(deployment, **parameters)["id"])

    def wait_for(self, run: str, *, states: set[str] = ENDED) -> dict[str, Any]:
        until(lambda: self.get(f"flow_runs/{run}")["state_type"] in states)
        return self.get(f"flow_runs/{run}")

    def asked_of_sample(self) -> dict[str, Any]:
        """The parameters with which `sample` has called `backtest`."""
        return next(run for run in self.runs("backtest") if run["parent_task_run_id"])["parameters"]["parameters"]

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """Leave nothing behind, whatever a test has come to."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)


def until(true: Callable[[], Any], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.2)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; what has ended and waits to be collected by its parent does not."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_tree(process: subprocess.Popen[str]) -> None:
    """End a command as a power cut would: it first, so that it can tell nobody; its workers end by themselves."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    until(lambda: not alive(children))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
