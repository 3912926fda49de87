"""What must not be seen is nowhere to be seen, and what must not be reached listens to this machine alone."""

import sqlite3
from pathlib import Path

import psutil
import pytest

SECRET = "s3cret-1b7f"  # noqa: S105 - a test's own


def test_a_password_is_in_no_file_and_no_output(month, ratings_url, asked, tmp_path, backtest, caused):
    lake, home = tmp_path / "lake", tmp_path / "home"
    url = ratings_url.replace("http://", f"http://me:{SECRET}@")
    done = backtest(*asked(lake), BACKTEST_RATINGS_URL=url, PREFECT_HOME=str(home))
    assert SECRET not in done.stdout + done.stderr
    files = [path for folder in (lake, home) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    assert any(path.name == "report.html" for path in files)
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    for table, rows in tables(next(path for path in files if path.suffix == ".db")):
        assert SECRET not in rows, table
    caused("a password in the address of a service")


def tables(database: Path):
    """Every table of Prefect's database as text: artifacts, logs, parameters, states."""
    with sqlite3.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            yield name, str(connection.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608 - its own names
    connection.close()


@pytest.mark.parametrize(("option", "chain"), [("--lake", ""), ("--ratings", "simplecache::"), ("", "")])
def test_an_address_with_a_password_is_refused(option, chain, month, tmp_path, backtest):
    address = f"{chain}sftp://me:{SECRET}@127.0.0.1/month.tar"
    words = ["run", month.archive, option, address] if option else ["run", address]
    refused = backtest(*words, expect=2)
    [line] = refused.stderr.splitlines()
    assert "sftp://me:…@127.0.0.1/month.tar: holds a password" in line
    assert SECRET not in line


def test_nothing_listens_beyond_this_machine(served):
    listening = [
        connection.laddr.ip
        for process in [psutil.Process(served.process.pid), *served.family()]
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}
