"""Provide a Prefect server before any flow begins: the user's own, or one for this command only.

Any problem with it is reported in one line. Prefect would start its own embedded server in the middle of the first
flow, wait silently, and leave it running if this process is killed.
"""

import atexit
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)
from pydantic import ValidationError

from flows.serving.health import is_healthy
from flows.serving.private_state import served_by, use_private_state
from tasks.errors import InputError, PrefectError
from tasks.progress import activity

if TYPE_CHECKING:
    from prefect.settings import Settings

logger = logging.getLogger("backtest")

_PROGRAM = Path(__file__).with_name("embedded_server.py")
_SECONDS_UNTIL_SAID = 15
_SECONDS_TO_ANSWER = 5
_SECONDS_TO_STOP = 5
_LINES = 500
_BYTES_NEEDED = 1 << 20

_OTHER_HOME = "set PREFECT_HOME to another folder, which contains nothing of the lake"

# Patterns in the server's log, with their cause and remedy.
_CAUSES = (
    (r"Can't locate revision", f"its database is from a newer version of Prefect; {_OTHER_HOME}"),
    (
        r"database is locked",
        "its database is locked by another program; end that program, or set PREFECT_HOME to another folder",
    ),
    (r"not a database|malformed|database corruption", f"its database is damaged; {_OTHER_HOME}"),
    (r"disk is full|No space left|quota exceeded", "no space left for its database; free some space"),
    (
        r"readonly database|unable to open database|Permission denied|Read-only",
        f"its database cannot be written to; {_OTHER_HOME}",
    ),
)
_RAISED = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception)\b.*")


@contextmanager
def prefect_server(meanwhile: Callable[[], object]) -> Iterator[None]:
    """Run the flows of this block with a Prefect server that answers.

    That is the user's (PREFECT_API_URL), or else this project's that runs (`backtest serve`), or else an embedded one.

    Args:
        meanwhile: Called while the server starts.

    Raises:
        InputError: The user's settings for Prefect are wrong.
        PrefectError: The user's server does not answer, none can be started, or a request failed.
    """
    try:
        settings = get_current_settings()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InputError(f"Prefect's settings cannot be read: {error.title}: {wrong}") from None
    if url := settings.api.url or _running_on(settings.home):
        use_private_state()
        activity.begin(f"Asking Prefect's server at {_shown(url)}")
        with temporary_settings({PREFECT_API_URL: url}):
            _check_answers(url)
            with _told(f"Prefect's server at {_shown(url)}"):
                meanwhile()
                yield
        return
    if not settings.server.ephemeral.enabled:
        raise InputError(
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false and PREFECT_API_URL is not set, so there is no Prefect "
            "server; set the first to true, or the second to an address: http://127.0.0.1:4200/api"
        )
    logging.raiseExceptions = False  # otherwise Prefect prints every log record that its server did not accept
    _check_home(settings.home)
    use_private_state()
    activity.begin("Starting Prefect's server")
    server = _EmbeddedServer(settings)
    # Runs after Prefect's own exit handler, which sends pending logs.
    atexit.register(server.stop)
    meanwhile()
    # A server that ends with this command needs no heartbeats; see `flows.stages.without_heartbeats`.
    own = {PREFECT_API_URL: server.wait_for_address(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(own), _told("Prefect's server", server):
        yield


def _running_on(home: Path) -> str | None:
    """Return the address of this project's own server, if one runs on this state and is ready for requests."""
    url = served_by(home)
    return url if url and is_healthy(url, _SECONDS_TO_ANSWER) else None


def _check_answers(url: str) -> None:
    shown = _shown(url)
    right = (
        "start it, or unset PREFECT_API_URL in the environment, .env, prefect.toml or profile: without it, each "
        "command starts its own server"
    )
    with get_client(sync_client=True) as client:
        try:
            client.hello().raise_for_status()
            client.raise_for_api_version_mismatch()
        except httpx.UnsupportedProtocol:
            raise InputError(f"PREFECT_API_URL is {shown}: give an address such as http://127.0.0.1:4200/api") from None
        except (httpx.HTTPError, RuntimeError) as error:
            raise PrefectError(f"Prefect's server at {shown} does not answer ({_first_line(error)}); {right}") from None


def _shown(url: str) -> str:
    return str(httpx.URL(url).copy_with(username=None, password=None))


@contextmanager
def _told(server: str, log: "_EmbeddedServer | None" = None) -> Iterator[None]:
    """Report a failed request to the server in one line."""
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        why = (log and log.cause()) or f"{type(error).__name__}: {_first_line(error)}"
        raise PrefectError(f"a request to {server} failed: {why}; finished work is kept") from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _check_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=home) as probe:
            probe.write(bytes(_BYTES_NEEDED))
    except OSError as error:
        raise PrefectError(f"PREFECT_HOME {home} cannot be written to: {error.strerror}; {_OTHER_HOME}") from None


class _EmbeddedServer:
    """The embedded server's process, which ends with this one, however that ends."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._said: deque[str] = deque(maxlen=_LINES)
        self._address: SimpleQueue[str | None] = SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - the program beside this module
            [sys.executable, "-P", _PROGRAM],
            stdin=subprocess.PIPE,  # closed when this process ends, which ends the server
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",  # regardless of this command's own encoding
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,  # this process handles Ctrl-C
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            if line.startswith("http://"):
                self._address.put(line.strip())
            else:
                self._said.append(line.rstrip())
        self._address.put(None)

    def wait_for_address(self) -> str:
        """Wait until it answers, and return its API's address."""
        seconds = self._settings.server.ephemeral.startup_timeout_seconds
        deadline, said = time.monotonic() + seconds, False
        while (left := deadline - time.monotonic()) > 0:
            with suppress(Empty):
                address = self._address.get(timeout=left if said else min(left, _SECONDS_UNTIL_SAID))
                if address is None:
                    raise PrefectError(f"Prefect's server did not start: {self.cause() or 'it printed nothing'}")
                return f"{address}/api"
            if not said:
                logger.info("Prefect's server is slow to start; waiting up to %d s", seconds)
                said = True
        why = self.cause() or "if the machine is busy, raise PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
        raise PrefectError(f"Prefect's server did not start within {seconds} s: {why}")

    def cause(self) -> str | None:
        """Return the cause of a failure from its log, or the last line; None if it printed nothing."""
        said = list(self._said)
        for line in reversed(said):
            for pattern, cause in _CAUSES:
                if re.search(pattern, line, re.IGNORECASE):
                    return f"{self._settings.home}: {cause}"
        raised = [line for line in said if _RAISED.fullmatch(line)]
        return next(iter((raised or said)[::-1]), None)

    def stop(self) -> None:
        """Terminate it; kill it if that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
