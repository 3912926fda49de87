"""A real Prefect server for the session, and the command line as a user runs it: in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect, sync_playwright
from served import BACKTEST, BROWSER_PATIENCE, PATIENCE, Served, free_port, until

from sample import server as ratings_server
from sample.archive import Sample, write_sample

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

# Five seconds, the default, are too few for a server that answers its first form.
expect.set_options(timeout=BROWSER_PATIENCE)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server with a database of its own."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    environment.pop("PREFECT_API_URL", None)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ui",
    ]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=PROJECT)
    url = f"http://127.0.0.1:{port}/api"
    try:
        _wait_for(f"{url}/health", process, home / "server.log")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def is_healthy() -> bool:
        with suppress(requests.RequestException):
            return requests.get(address, timeout=10).ok
        return False

    until(lambda: is_healthy() or process.poll() is not None)
    assert process.poll() is None, f"the Prefect server did not start:\n{log.read_text(encoding='utf-8')}"


@pytest.fixture(scope="session")
def environment(server: str) -> dict[str, str]:
    """The environment of a user whose Prefect server runs already."""
    return {**os.environ, "PREFECT_API_URL": server}


@pytest.fixture
def forget_modules(tmp_path: Path) -> Iterator[None]:
    """Forget the modules that a test wrote; of others, some cannot be imported twice in a process."""
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def backtest(environment: dict[str, str]) -> Run:
    """The command `backtest`."""

    def run(*arguments: object, expect: int | None = 0, **extra: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [BACKTEST, *map(str, arguments)],
            env={**_without_server(environment, extra), **extra},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert expect is None or done.returncode == expect, f"exit {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    return run


def _without_server(environment: dict[str, str], extra: dict[str, str]) -> dict[str, str]:
    """Leave the session's server out for a command that is given a home, and so a database, of its own."""
    return {k: v for k, v in environment.items() if k != "PREFECT_API_URL" or "PREFECT_HOME" not in extra}


@pytest.fixture(scope="session")
def backtest_json(backtest: Run) -> Callable[..., dict[str, Any]]:
    """The command `backtest … --json`, its output read."""

    def run(*arguments: object, **extra: str) -> dict[str, Any]:
        return json.loads(backtest(*arguments, "--json", **extra).stdout)

    return run


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The generated month."""
    return write_sample(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="session")
def ratings_url(month: Sample) -> Iterator[str]:
    """The address of a service that serves the month's ratings."""
    with ratings_server.serve(month.ratings) as url:
        yield url


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a user has strategies of their own, and starts `backtest serve`."""
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="session")
def serve(user: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Served]]:
    """`backtest serve --own-strategies` in the user's folder, on one state and lake; started where it does not run."""
    home, lake = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("lake")
    started: list[Served] = []

    def serve() -> Served:
        if not started or started[-1].process.poll() is not None:
            started.append(Served(home, lake, user, "--own-strategies"))
            started[-1].wait_until_ready()
        return started[-1]

    yield serve
    for served in started:
        served.kill()


@pytest.fixture
def served(serve: Callable[[], Served]) -> Served:
    return serve()


@pytest.fixture(scope="module")
def browser_flags() -> list[str]:
    """What a module's browser is told besides; for the module to say."""
    return []


# Closed with its module: Playwright keeps an event loop running, in which other tests could start none.
@pytest.fixture(scope="module")
def browser(browser_flags: list[str]) -> Iterator[Browser]:
    """A real browser, without a window."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium on this machine, and CI has to have one")
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*CHROMIUM_FLAGS.split(), *browser_flags], timeout=BROWSER_PATIENCE
        )
        yield browser
        browser.close()
