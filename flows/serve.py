"""Prefect's server with its UI, this project's deployments and a worker for them: on this machine, until it is stopped.

What is deployed is in prefect.yaml; here is only what starts, in which order, and how all of it ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import requests
import typer
from filelock import FileLock, Timeout

from flows import pool
from tasks.errors import BacktestError, InputError
from tasks.settings import Settings

_PROJECT = Path(__file__).resolve().parent.parent
_HOST = "127.0.0.1"

_DEFAULTS = {"PREFECT_WORKER_QUERY_SECONDS": "5"}  # whoever pressed Run is watching

# At each poll of its worker the server retries a write to SQLite, with a traceback of 10 kB (PrefectHQ/prefect#22967).
_SERVER_DEFAULTS = {"PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL"}

_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SECONDS_TO_STOP = 15
_SECONDS_BETWEEN_LOOKS = 0.1


class _Part(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None


def serve(port: int, lake: str | None) -> None:
    """Serve until Ctrl-C, SIGTERM, or the end of the terminal.

    Args:
        port: Of UI and API, on 127.0.0.1.
        lake: Root of the lake for runs that name none; None takes the settings'.

    Raises:
        InputError: The port is taken, or the state is served already.
        BacktestError: A part did not start, or ended by itself; the text names its log.
    """
    _check_free(port)
    url, root = f"http://{_HOST}:{port}", _absolute(lake or Settings().lake)
    environment = _environment(f"{url}/api", root)
    for number in _STOPPED_BY:
        signal.signal(number, _interrupt_once)
    with suppress(KeyboardInterrupt), _only_one(Path(environment["PREFECT_HOME"])):
        typer.echo("Starting Prefect …")
        with _server(port, environment) as server, _worker(f"{url}/api", environment) as worker:
            _deploy(environment, server, worker)
            typer.echo(
                f"UI     {url} (to begin with: Deployments, sample, Quick run)\n"
                f"lake   {root}\n"
                f"state  {environment['PREFECT_HOME']}, with logs in {server.log.parent}\n"
                "Ctrl-C stops it."
            )
            raise _failed(_first_to_end(server, worker))
    typer.echo("Stopped.")


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        # Connections of a server that has ended do not hold a port; one that listens does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise InputError(f"port {port} cannot be used ({error.strerror}); give another with --port") from None


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    # A second one would take the runs of the first for left behind.
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "serve.lock", timeout=0):
            yield
    except Timeout:
        raise InputError(f"{home} is served already; stop that, or set PREFECT_HOME to another folder") from None


def _absolute(root: str) -> str:
    return root if "://" in root else str(Path(root).resolve())


def _environment(api: str, lake: str) -> dict[str, str]:
    environment = {**_DEFAULTS, **os.environ, "PREFECT_API_URL": api, "BACKTEST_LAKE": lake}
    # A user's own strategies are imported from where the command was run, as everywhere.
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path.cwd()), environment.get("PYTHONPATH"))))
    # What the terminal is spared belongs into the logs.
    environment.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", None)
    return environment


def _interrupt_once(*_: object) -> NoReturn:
    for number in _STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)
    typer.echo("\nStopping …")
    raise KeyboardInterrupt


@contextmanager
def _server(port: int, environment: Mapping[str, str]) -> Iterator[_Part]:
    start = ("server", "start", "--host", _HOST, "--port", str(port))
    with _part("server", {**_SERVER_DEFAULTS, **environment}, *start) as server:
        while not _is_healthy(port):
            if server.has_ended:
                raise _failed(server)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        yield server


def _is_healthy(port: int) -> bool:
    try:
        return requests.get(f"http://{_HOST}:{port}/api/health", timeout=1).ok
    except requests.RequestException:
        return False


@contextmanager
def _worker(api: str, environment: Mapping[str, str]) -> Iterator[_Part]:
    runs = pool.Pool(api)
    runs.make()
    runs.crash_runs()
    try:
        with _part("worker", environment, "worker", "start", "--pool", pool.NAME, "--type", "process") as worker:
            yield worker
    finally:
        # Where the server has ended, too, the next start does it.
        with suppress(BacktestError):
            runs.crash_runs()


def _deploy(environment: Mapping[str, str], *others: _Part) -> None:
    with _part("deploy", environment, "--no-prompt", "deploy", "--all") as deploy:
        ended = _first_to_end(deploy, *others)
        if ended is not deploy or deploy.process.returncode:
            raise _failed(ended)


@contextmanager
def _part(name: str, environment: Mapping[str, str], *arguments: str) -> Iterator[_Part]:
    log = Path(environment["PREFECT_HOME"], "logs", f"{name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - Prefect's own command
            [sys.executable, "-m", "prefect", *arguments],
            cwd=_PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, which ends the parts in their order
        )
    try:
        yield _Part(name, process, log)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
        # What is left of it: itself, or runs and their processes, which do not all end with their worker.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _first_to_end(*parts: _Part) -> _Part:
    while True:
        for part in parts:
            if part.has_ended:
                return part
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _failed(part: _Part) -> BacktestError:
    return BacktestError(f"Prefect's {part.name} ended by itself, so all was stopped; its log is {part.log}")
