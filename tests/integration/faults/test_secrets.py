"""What must not be seen is nowhere to be seen, and what must not be reached listens to this machine alone."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psutil
import pytest
from listening import listening

from sample.archive import write_archive

SECRET = "s3cret-1b7f"  # noqa: S105 - a test's own


def test_a_password_is_in_no_file_and_no_output(month, ratings_url, asked, tmp_path, backtest, caused):
    lake, home = tmp_path / "lake", tmp_path / "home"
    url = ratings_url.replace("http://", f"http://me:{SECRET}@")
    done = backtest(*asked(lake), BACKTEST_RATINGS_URL=url, PREFECT_HOME=str(home))
    assert SECRET not in done.stdout + done.stderr
    assert found(SECRET, lake, home) == []
    caused("a password in the address of a service")


def found(secret: str, lake: Path, home: Path) -> list[object]:
    """The files and tables in which a secret stands, of a lake and of Prefect's own folder."""
    files = [path for folder in (lake, home) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    assert any(path.name == "report.html" for path in files)
    database = next(path for path in files if path.suffix == ".db")
    named = [table for table, rows in tables(database) if secret in rows]
    return [*named, *(path for path in files if secret.encode() in _content(path))]


def _content(path: Path) -> bytes:
    # SQLite's own files go when the last process that has the database open ends.
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def tables(database: Path):
    """Every table of Prefect's database as text: artifacts, logs, parameters, states."""
    with sqlite3.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            yield name, str(connection.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608 - its own names
    connection.close()


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["run", "{month}", "--lake", "sftp://me:{secret}@127.0.0.1/lake"], {}),
        (["run", "{month}", "--ratings", "simplecache::sftp://me:{secret}@127.0.0.1/a.csv"], {}),
        (["run", "{month}", "--ratings", "https://127.0.0.1/a.csv?sig={secret}"], {}),
        (["run", "https://me:w/{secret}@127.0.0.1/a.tar"], {}),
        (["show", "--lake", "s3://AKIA:SEC/{secret}@bucket"], {}),
        (["sample", "--lake", "https://{secret}@127.0.0.1/lake"], {}),
        (["run", "--help"], {"BACKTEST_LAKE": "s3://AKIA:{secret}@bucket"}),
        (["check"], {"BACKTEST_LAKE": "s3://AKIA:{secret}@bucket"}),
    ],
)
def test_an_address_with_a_secret_is_refused(words, variables, month, backtest):
    said = [word.format(month=month.archive, secret=SECRET) for word in words]
    refused = backtest(*said, expect=2, **{name: value.format(secret=SECRET) for name, value in variables.items()})
    [line] = refused.stderr.splitlines()
    assert "could read; " in line
    assert SECRET not in refused.stdout + refused.stderr


@contextmanager
def web_server(month) -> Iterator[str]:
    """The address of a server that gives a day's ratings as a user's own file to whoever has the word."""
    columns = {"MarketId": "market_id", "SelectionId": "selection_id", "ratedPrice": "rating"}
    rows = list(csv.reader(io.StringIO(min(month.ratings.glob("*.csv")).read_text("utf-8"))))
    header = [next((new for old, new in columns.items() if name.endswith(old)), name) for name in rows[0]]
    written = io.StringIO()
    csv.writer(written).writerows([header, *rows[1:]])
    answer = written.getvalue().encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Authorization"] == f"Bearer {SECRET}" else 500)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_) -> None:
            pass

    with listening(Handler) as address:
        yield address


def test_a_query_and_what_fsspec_is_told_are_in_no_file_and_no_output(month, tmp_path, backtest):
    lake, home = tmp_path / "lake", tmp_path / "home"
    write_archive(tmp_path / "three.tar", month.races[:3], seed=2026)
    query = "Q-77aa31"
    with web_server(month) as address:
        url = f"{address}/ratings.csv?month={query}"
        words = ("run", tmp_path / "three.tar", "--ratings", url, "--strategy", "rated_price", "--lake", lake)
        refused = backtest(*words, expect=2)
        told = json.dumps({"headers": {"Authorization": f"Bearer {SECRET}"}})
        done = backtest(*words, FSSPEC_HTTP=told, PREFECT_HOME=str(home))
    [line] = refused.stderr.splitlines()
    assert f"{address}/ratings.csv: cannot be opened (500, " in line
    assert query not in line
    assert f"--ratings {address}/ratings.csv --" in next(lake.rglob("report.html")).read_text("utf-8")
    for secret in (query, SECRET):
        assert secret not in done.stdout + done.stderr
        assert found(secret, lake, home) == []


def test_nothing_listens_beyond_this_machine(served):
    listening = [
        connection.laddr.ip
        for process in [psutil.Process(served.process.pid), *served.family()]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}
