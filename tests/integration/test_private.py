"""Who cannot run code or read anything through `backtest serve` as it starts by default, tried for real."""

import json
import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
import requests
from fastapi.routing import APIWebSocketRoute
from playwright.sync_api import Page
from prefect.server.api.server import API_ROUTERS
from served import BACKTEST, BROWSER_PATIENCE, PATIENCE, Served, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

OPEN = {("GET", "/api/health"), ("GET", "/api/ready")}

# Importing it leaves a file.
THEIRS = '''
from pathlib import Path
from flumine import BaseStrategy

Path(__file__).with_name("imported").touch()

class Theirs(BaseStrategy):
    """Looks on."""
'''

# What a page can try: reading, what is sent without asking first, and a websocket.
TRIES = """
async ([address, deployment]) => {
    const api = `${address}/api`, said = {};
    const body = JSON.stringify({parameters: {}, job_variables: {command: "touch marker"}});
    const run = `${api}/deployments/${deployment}/create_flow_run`;
    const attempt = async (name, ask) => {
        try { said[name] = await ask(); } catch (error) { said[name] = error.name; }
    };
    await attempt("read", async () => (await fetch(`${api}/deployments/filter`,
        {method: "POST", headers: {"content-type": "application/json"}, body: "{}"})).status);
    await attempt("get", async () => (await fetch(`${api}/admin/version`)).status);
    await attempt("simple", async () => (await fetch(run, {method: "POST", body})).status);
    await attempt("unseen", async () =>
        (await fetch(run, {method: "POST", mode: "no-cors", body: new Blob([body])})).type);
    await attempt("word", async () => localStorage.getItem("prefect-password"));
    for (const path of ["events/in", "events/out", "logs/out"])
        await attempt(path, () => new Promise(resolve => {
            const socket = new WebSocket(`${api.replace("http", "ws")}/${path}`, ["prefect"]);
            socket.onopen = () => resolve("open");
            socket.onerror = () => resolve("refused");
        }));
    return said;
}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A state's folder as earlier versions left it: for everyone to read."""
    home = tmp_path_factory.mktemp("home")
    (home / "logs").mkdir()
    for name in ("logs/server.log", "logs/old.log", "memo_store.toml"):
        (home / name).touch()
        (home / name).chmod(0o644)
    home.chmod(0o755)
    return home


@pytest.fixture(scope="module")
def private(home, tmp_path_factory) -> Iterator[Served]:
    """`backtest serve`, of a user whose files others may read."""
    user = tmp_path_factory.mktemp("their")
    (user / "theirs.py").write_text(THEIRS)
    served = Served(home, tmp_path_factory.mktemp("lake"), user, umask=0o022)
    try:
        served.wait_until_ready()
        yield served
    finally:
        served.kill()


@pytest.fixture(scope="module")
def foreign_port(tmp_path_factory) -> Iterator[int]:
    """A server of pages that are not ours."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "index.html").write_text("<!doctype html><title>cat pictures</title>")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def browser_flags() -> list[str]:
    # Without the last, a page of a public name is kept from this machine by some versions of chromium.
    return ["--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-features=LocalNetworkAccessChecks"]


@pytest.fixture
def page(browser, private) -> Iterator[Page]:
    """A page of a browser that is signed in."""
    page = browser.new_page()
    page.set_default_timeout(BROWSER_PATIENCE)
    page.goto(private.link)
    page.get_by_role("link", name="Deployments", exact=True).first.wait_for()
    yield page
    page.close()


def test_the_link_signs_in_and_leaves_no_word_in_the_address(page, private):
    assert page.url.startswith(private.address)
    assert private.word not in page.url
    page.goto(f"{private.address}/deployments")
    page.get_by_role("link", name="sample", exact=True).first.wait_for()


def test_without_the_link_there_is_a_login(browser, private):
    page = browser.new_page()
    page.set_default_timeout(BROWSER_PATIENCE)
    page.goto(private.address)
    page.wait_for_url("**/login*")
    page.locator("input").first.fill(private.word)
    page.get_by_role("button", name="Login").click()
    page.get_by_role("link", name="Deployments", exact=True).first.wait_for()
    page.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost"])
def test_a_page_of_another_origin_is_refused(page, private, foreign_port, host):
    deployment = private.get("deployments/name/sample/sample")["id"]
    page.goto(f"http://{host}:{foreign_port}/")
    said = page.evaluate(TRIES, [private.address, deployment])
    assert said.pop("unseen") == "opaque"  # sent, and answered with what the page cannot see
    assert said.pop("word") is None
    assert said == dict.fromkeys(("read", "get", "simple"), "TypeError") | dict.fromkeys(
        ("events/in", "events/out", "logs/out"), "refused"
    )
    assert not private.runs("sample")


def test_a_name_that_was_made_to_point_here_is_refused(page, private):
    deployment = private.get("deployments/name/sample/sample")["id"]
    rebound = f"http://rebound.example:{private.port}"
    for path in ("/", "/ui-settings", "/api/health", "/api/admin/version"):
        assert page.goto(f"{rebound}{path}").status == 403
    said = page.evaluate(TRIES, [rebound, deployment])
    assert {said[name] for name in ("read", "get", "simple")} == {403}
    assert {said[name] for name in ("events/in", "events/out", "logs/out")} == {"refused"}
    assert not private.runs("sample")


def test_a_page_of_another_origin_neither_leads_here_nor_frames_the_ui(page, private, foreign_port):
    page.goto(f"http://evil.example:{foreign_port}/")
    with page.expect_response(f"{private.address}/deployments") as led:
        page.evaluate("address => { location.href = address; }", f"{private.address}/deployments")
    assert led.value.status == 403
    answer = requests.get(private.address, timeout=PATIENCE)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_no_route_answers_without_the_word(private):
    described = requests.get(f"{private.address}/openapi.json", timeout=PATIENCE).json()
    routes = {(method.upper(), f"/api{path}") for path, methods in described["paths"].items() for method in methods}
    assert len(routes) > 150
    assert routes >= OPEN
    # With a token against forged requests, so that it is the word that is missing.
    token = {name: value for name, value in private.http.headers.items() if name.startswith("Prefect-Csrf")}
    wrong = ("backtest", "wrong")
    for method, path in sorted(routes - OPEN):
        address = f"{private.address}{path.replace('{', '').replace('}', '')}"
        for auth in (None, wrong):
            answer = requests.request(method, address, headers=token, auth=auth, json={}, timeout=PATIENCE)
            assert answer.status_code == 401, (method, path)
    for method, path in OPEN:
        assert requests.request(method, f"{private.address}{path}", timeout=PATIENCE).text in {
            "true",
            '{"message":"OK"}',
        }


def test_the_word_alone_does_not_change_anything_from_a_page(private):
    auth = tuple(private.word.split(":"))
    refused = requests.post(f"{private.address}/api/deployments/filter", json={}, auth=auth, timeout=PATIENCE)
    assert refused.status_code == 403
    assert "CSRF" in refused.text


def websockets() -> list[str]:
    routes = [route for router in API_ROUTERS for route in router.routes if isinstance(route, APIWebSocketRoute)]
    return [f"/api{route.path.replace('{work_pool_name}', 'data_lake')}" for route in routes]


def test_the_websockets_are_those_we_know():
    assert {"/api/events/in", "/api/events/out", "/api/logs/out"} <= set(websockets())


@pytest.mark.parametrize("path", websockets())
def test_a_websocket_opens_to_the_word_alone(private, path):
    address = f"ws://127.0.0.1:{private.port}{path}"
    for origin in ("http://evil.example", f"http://localhost:{private.port}", "null"):
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin=origin, subprotocols=["prefect"])
        assert refused.value.response.status_code == 403
    with socket.create_connection(("127.0.0.1", private.port)) as here, pytest.raises(InvalidStatus) as refused:
        connect(f"ws://evil.example:{private.port}{path}", sock=here, subprotocols=["prefect"])
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        connect(address)
    for word in (None, "", "backtest:wrong"):
        with connect(address, subprotocols=["prefect"]) as opened:
            opened.send(json.dumps({"type": "auth", "token": word}))
            with pytest.raises(ConnectionClosed):
                opened.recv(PATIENCE)
    with connect(address, origin=private.address, subprotocols=["prefect"]) as opened:
        opened.send(json.dumps({"type": "auth", "token": private.word}))
        assert json.loads(opened.recv(PATIENCE)) == {"type": "auth_success"}


def test_nobody_says_which_command_is_executed(private, user):
    marker = user / "executed"
    given = {"command": f"touch {marker}", "env": {"PATH": "/nowhere"}, "working_dir": "/"}
    deployment = private.get("deployments/name/extract/extract")["id"]
    create = f"deployments/{deployment}/create_flow_run"
    asked = {"parameters": {"parameters": {"archives": ["/nowhere.tar"]}}}
    for name, value in given.items():
        refused = private.ask("POST", create, **asked, job_variables={name: value})
        assert refused.status_code == 422, name
    run = private.post(create, **asked)["id"]
    assert private.ask("PATCH", f"flow_runs/{run}", job_variables=given).status_code == 422
    # What a deployment is given is taken, and of no effect on the run that waits.
    assert private.ask("PATCH", f"deployments/{deployment}", job_variables=given).ok
    try:
        ended = private.wait_for(run)
        assert "/nowhere.tar: no such archive" in ended["state"]["message"]
        assert not marker.exists()
    finally:
        assert private.ask("PATCH", f"deployments/{deployment}", job_variables={"working_dir": "."}).ok


def test_strategies_are_imported_only_where_the_server_was_told(private, month):
    named = [{"strategy": "theirs:Theirs", "parameters": {}}]
    archive = [str(month.archive)]
    grid = [{"parameter": "name", "values": "a"}]
    asked = [
        ("backtest", {"archives": archive, "own_strategies": named}),
        # The server's own check of the form can be left out by whoever asks.
        ("backtest", {"archives": archive, "strategies": named}),
        ("sweep", {"archives": archive, "strategy": "theirs:Theirs", "grid": grid}),
        ("monthly", {"own_strategies": named}),
    ]
    runs = []
    for flow, parameters in asked:
        deployment = private.get(f"deployments/name/{flow}/{flow}")["id"]
        body = {"parameters": {"parameters": parameters}, "enforce_parameter_schema": False}
        runs.append(private.post(f"deployments/{deployment}/create_flow_run", **body)["id"])
    for run in runs:
        ended = private.wait_for(run)
        assert ended["state_type"] == "FAILED"
        said = ended["state"]["message"]
        assert "theirs:Theirs" in said
        assert "backtest serve --own-strategies" in said
    assert not list(private.terminal.parent.glob("imported"))


def test_a_run_that_stays_pending_gives_its_place_up(private, month):
    deployment = private.get("deployments/name/extract/extract")["id"]
    asked = {"parameters": {"parameters": {"archives": [str(month.archive)]}}}
    create = f"deployments/{deployment}/create_flow_run"
    stuck = private.post(create, **asked, state={"type": "PENDING"})["id"]
    waits = private.post(create, **asked)["id"]
    ended = private.wait_for(stuck)
    assert ended["state_type"] == "CRASHED"
    assert "without reporting a result" in ended["state"]["message"]
    assert private.wait_for(waits)["state_type"] == "COMPLETED"


def test_the_users_own_commands_find_the_word(private, month, backtest):
    given = {"PREFECT_HOME": str(private.home), "PREFECT_API_URL": f"{private.address}/api"}
    before = len(private.runs("extract"))
    backtest("extract", month.archive, "--lake", private.lake, **given)
    assert len(private.runs("extract")) == before + 1


def test_the_word_is_given_to_no_other_server(private, month, backtest, tmp_path):
    heard = []

    class Listening(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers)
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        given = {"PREFECT_HOME": str(private.home), "PREFECT_API_URL": f"http://127.0.0.1:{server.server_port}/api"}
        backtest("extract", month.archive, "--lake", tmp_path, expect=None, PREFECT_CLIENT_MAX_RETRIES="0", **given)
        server.shutdown()
    assert heard
    assert not [headers for headers in heard if "authorization" in headers]


def test_what_others_can_read_is_the_lake_alone(private, month):
    run = private.run("extract/extract", parameters={"archives": [str(month.archive)]})
    assert run["state_type"] == "COMPLETED", run["state"]["message"]
    assert mode(private.home) == 0o700
    assert open_to_others(private.home) == []
    assert {mode(path) for path in private.lake.rglob("*.parquet")} == {0o644}


def test_the_word_is_in_no_argument_log_or_database(private):
    arguments = [process.cmdline() for process in [psutil.Process(private.process.pid), *private.family()]]
    password = private.word.partition(":")[2]
    assert not [line for line in arguments if password in " ".join(line)]
    holders = [path for path in private.home.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert [path.name for path in holders] == ["server.secret"]


def test_a_command_keeps_its_own_server_and_state_private(month, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    home, lake = tmp_path / "home", tmp_path / "lake"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    process = subprocess.Popen(
        [BACKTEST, "run", month.archive, "--lake", lake, "--strategy", "slow:Slow"],
        env={**environment, "PREFECT_HOME": str(home)},
        cwd=tmp_path,
        umask=0o022,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        until(lambda: (tmp_path / "replaying").exists() or process.poll() is not None)
        [port] = listening(process.pid)
        for auth in (None, ("backtest", "wrong")):
            answer = requests.post(
                f"http://127.0.0.1:{port}/api/flow_runs/filter", json={}, auth=auth, timeout=PATIENCE
            )
            assert answer.status_code == 401
        assert mode(home) == 0o700
        assert open_to_others(home) == []
        assert {mode(path) for path in lake.rglob("*.parquet")} == {0o644}
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def test_a_state_that_cannot_be_kept_private_gets_one_line(tmp_path, month, backtest):
    file = tmp_path / "file"
    file.touch()
    for status, *arguments in ((2, "serve", "--port", "0"), (1, "extract", month.archive)):
        done = backtest(*arguments, "--lake", tmp_path / "lake", expect=status, PREFECT_HOME=str(file))
        [line] = done.stderr.splitlines()
        assert str(file) in line
        assert "PREFECT_HOME" in line


SLOW = '''
import time
from pathlib import Path
from flumine import BaseStrategy

class Slow(BaseStrategy):
    """Needs longer than anyone waits."""

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        Path(__file__).with_name("replaying").touch()
        time.sleep(600)
'''


def listening(pid: int) -> list[int]:
    found = set()
    for process in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):
            found |= {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return sorted(found)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and mode(path) & 0o077]
