"""Run Prefect's server with its UI, this project's deployments (prefect.yaml) and a worker for them, until stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import typer
from prefect.client.orchestration import SyncPrefectClient

from flows.serving import pool, sign_in
from flows.serving.abandoned import AbandonedRuns
from flows.serving.health import is_healthy
from flows.serving.private_state import keep_private, only_one, open_private, served_at, variables_of
from flows.serving.same_origin import NAMES
from tasks.errors import BacktestError, InputError
from tasks.settings import Settings
from tasks.variants.own_strategy import FOLDER

_PROJECT = Path(__file__).resolve().parents[2]
_HOST = NAMES[0]

_DEFAULTS = {"PREFECT_WORKER_QUERY_SECONDS": "5"}  # so that a run starts soon after the click

# At each poll of its worker the server retries a write to SQLite, with a traceback of 10 kB (PrefectHQ/prefect#22967).
_SERVER_DEFAULTS = {"PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL"}

_LEFT_BEHIND = "Stopped with its worker. Retry does what is missing."

_STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_SECONDS_TO_ANSWER = 1
_SECONDS_TO_STOP = 15
_SECONDS_BETWEEN_LOOKS = 0.1
_SECONDS_BETWEEN_LOOKS_AT_RUNS = 10


class _Part(NamedTuple):
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None


def serve(port: int, lake: str | None, *, own_strategies: bool) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP.

    Args:
        port: Of UI and API, on 127.0.0.1.
        lake: Default root of the lake for runs; None means the settings'.
        own_strategies: Whether runs may import users' own strategies, which executes their code.

    Raises:
        InputError: The port is taken, the state is already served, or it cannot be kept private.
        BacktestError: A part did not start, or ended unexpectedly; the message names its log.
    """
    home, root = Path(os.environ["PREFECT_HOME"]), _absolute(lake or Settings().lake)
    _ask_directly()
    for number in _STOPPED_BY:
        signal.signal(number, _interrupt_once)
    with _listening(port) as listener, suppress(KeyboardInterrupt):
        word, url = keep_private(home), f"http://{_HOST}:{listener.getsockname()[1]}"
        environment = _environment(url, word, {"BACKTEST_LAKE": root, "BACKTEST_OWN_STRATEGIES": str(own_strategies)})
        asked = SyncPrefectClient(f"{url}/api", auth_string=word)
        with only_one(home), served_at(home, f"{url}/api"), asked as client:
            typer.echo("Starting Prefect …")
            runs = pool.Pool(client)
            with _server(listener, url, environment) as server, _worker(runs, environment) as worker:
                _deploy(environment, server, worker)
                typer.echo(
                    f"UI     {url}{sign_in.PATH}#{word}\n"
                    "       That link signs your browser in: keep it to yourself. Begin with Deployments, sample, "
                    "Quick run.\n"
                    f"lake   {root}\n"
                    f"state  {home}, with logs in {server.log.parent}\n"
                    "Ctrl-C stops it."
                )
                abandoned = AbandonedRuns(runs, worker.process.pid)
                raise _failed(_first_to_end(server, worker, meanwhile=abandoned.crash))
    typer.echo("Stopped.")


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Listen before the server does, which takes seconds: another process on the port would receive the credentials."""
    with socket.socket() as listener:
        # Allow a port with lingering connections of an ended server, but not one that another process listens on.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.listen()
        except OSError as error:
            raise InputError(f"port {port} cannot be used ({error.strerror}); give another with --port") from None
        yield listener


def _ask_directly() -> None:
    """Bypass proxies for this machine: they would receive the credentials."""
    others = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (_HOST, others)))


def _absolute(root: str) -> str:
    return root if "://" in root else str(Path(root).resolve())


def _environment(url: str, word: str, backtest: Mapping[str, str]) -> dict[str, str]:
    environment = {**_DEFAULTS, **os.environ, **variables_of(word), **backtest, "PREFECT_API_URL": f"{url}/api"}
    environment |= {
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": "/api",  # relative, because the page may be opened by either host name
    }
    # Users' own strategies are found relative to the current folder, as in all commands.
    environment[FOLDER] = str(Path.cwd())
    # Only the terminal is quiet; the logs get everything.
    environment.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", None)
    return environment


def _interrupt_once(*_: object) -> NoReturn:
    for number in _STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)
    typer.echo("\nStopping …")
    raise KeyboardInterrupt


@contextmanager
def _server(listener: socket.socket, url: str, environment: Mapping[str, str]) -> Iterator[_Part]:
    descriptor = listener.fileno()
    start = ("flows.serving.server", str(descriptor))
    with _part("server", {**_SERVER_DEFAULTS, **environment}, *start, descriptors=(descriptor,)) as server:
        listener.close()
        while not is_healthy(f"{url}/api", _SECONDS_TO_ANSWER):
            if server.has_ended:
                raise _failed(server)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        yield server


@contextmanager
def _worker(runs: pool.Pool, environment: Mapping[str, str]) -> Iterator[_Part]:
    runs.make()
    runs.crash(runs.going_on(), _LEFT_BEHIND)
    start = ("prefect", "worker", "start", "--pool", pool.NAME, "--type", "process")
    try:
        with _part("worker", environment, *start) as worker:
            yield worker
    finally:
        # If the server has ended too, the next start does this.
        with suppress(BacktestError):
            runs.crash(runs.going_on(), _LEFT_BEHIND)


def _deploy(environment: Mapping[str, str], *others: _Part) -> None:
    with _part("deploy", environment, "prefect", "--no-prompt", "deploy", "--all") as deploy:
        ended = _first_to_end(deploy, *others)
        if ended is not deploy or deploy.process.returncode:
            raise _failed(ended)


@contextmanager
def _part(
    name: str, environment: Mapping[str, str], *module: str, descriptors: tuple[int, ...] = ()
) -> Iterator[_Part]:
    log = Path(environment["PREFECT_HOME"], "logs", f"{name}.log")
    log.parent.mkdir(exist_ok=True)
    with open(log, "wb", opener=open_private) as output:
        process = subprocess.Popen(  # noqa: S603 - Prefect's own commands, and its server
            [sys.executable, "-m", *module],
            pass_fds=descriptors,
            cwd=_PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process, which ends the parts in order
        )
    try:
        yield _Part(name, process, log)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
        # Kill whatever is left: the process itself, or runs that did not end with their worker.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _first_to_end(*parts: _Part, meanwhile: Callable[[], None] | None = None) -> _Part:
    looked = time.monotonic()
    while True:
        for part in parts:
            if part.has_ended:
                return part
        if meanwhile and time.monotonic() > looked + _SECONDS_BETWEEN_LOOKS_AT_RUNS:
            with suppress(BacktestError):  # the server is busy or has ended
                meanwhile()
            looked = time.monotonic()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _failed(part: _Part) -> BacktestError:
    return BacktestError(f"Prefect's {part.name} ended unexpectedly, so everything was stopped; see its log {part.log}")
