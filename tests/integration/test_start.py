"""What keeps a command from starting is told in one line; a busy machine, or a proxy, does not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from served import free_port

PROJECT = Path(__file__).resolve().parents[2]
REFUSED = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def home(tmp_path_factory, backtest, month, lake) -> Path:
    """A home of Prefect's in which a command has started a server, though every proxy was one that refuses."""
    home = tmp_path_factory.mktemp("home")
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"), REFUSED)
    backtest("extract", month.archive, "--lake", lake, PREFECT_HOME=str(home), **proxies)
    return home


@pytest.fixture
def told(backtest, month, tmp_path):
    """The one line of a command that does not start."""

    def told(expect: int = 1, **environment: str) -> str:
        said = backtest("extract", month.archive, "--lake", tmp_path / "lake", expect=expect, **environment).stderr
        *before, line = said.splitlines()
        assert all("is slow to start" in each for each in before), said
        assert not (tmp_path / "lake").exists()
        return line

    return told


@pytest.fixture
def broken(home, tmp_path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "home"))


def test_a_home_that_cannot_be_written_to(told):
    assert "PREFECT_HOME /proc/none cannot be written to" in told(PREFECT_HOME="/proc/none")


def test_a_database_of_a_newer_prefect(broken, told):
    with sqlite3.connect(broken / "prefect.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    database.close()
    assert "from a newer version of Prefect" in told(PREFECT_HOME=str(broken))


def test_a_damaged_database(broken, told):
    for left in broken.glob("prefect.db-*"):  # from which SQLite would mend it
        left.unlink()
    with (broken / "prefect.db").open("r+b") as file:
        file.write(b"x" * 5000)
    assert "its database is damaged" in told(PREFECT_HOME=str(broken))


def test_a_locked_database(broken, told):
    database = sqlite3.connect(broken / "prefect.db")
    database.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked by another program" in told(PREFECT_HOME=str(broken))
    finally:
        database.close()


@pytest.mark.parametrize(("size", "said"), [("600k", "No space left"), ("1500k", "no space left for its database")])
def test_a_full_home(size, said, tmp_path, told):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=False).returncode:  # noqa: S607
        pytest.skip("nothing can be mounted here")
    try:
        assert said in told(PREFECT_HOME=str(disk / "home"))
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607


def test_a_server_that_is_not_there(told):
    line = told(PREFECT_API_URL=f"http://somebody:secret@127.0.0.1:{free_port()}/api")
    assert "does not answer" in line
    assert "unset PREFECT_API_URL" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"PREFECT_API_URL": "nonsense"}, "PREFECT_API_URL is nonsense"),
        ({"PREFECT_API_URL": "", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}, "ALLOW_EPHEMERAL_MODE is false"),
        ({"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "soon"}, "startup_timeout_seconds"),
    ],
)
def test_settings_that_are_wrong(wrong, said, told):
    assert said in told(expect=2, **wrong)


def test_a_server_that_takes_too_long_is_waited_for_and_said(told, home):
    line = told(PREFECT_HOME=str(home), PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="1")
    assert "did not start within 1 s" in line


def test_the_projects_settings_hold_in_any_folder(tmp_path):
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    script = (
        "from flows.command_line.terminal import use_prefect_quietly; use_prefect_quietly();"
        "from prefect.settings import get_current_settings; settings = get_current_settings();"
        "print(settings.home, settings.server.ephemeral.startup_timeout_seconds, settings.server.analytics_enabled)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=tmp_path, env=own, capture_output=True, text=True
    )
    assert ran.stdout.split() == [str(PROJECT / ".prefect"), "120", "False"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{archive}.gone",), "no such archive"),
        (("{archive}", "--strategy", "back_favorite"), "did you mean back_favourite"),
        (("{archive}", "--strategy", "rated_price"), "bets on ratings and was given none"),
        (("{archive}", "--ratings", "gone.csv"), "gone.csv"),
        (("{archive}", "--ratings", "/dev/null"), "no file"),
        (("{archive}", "--ratings", "{empty}"), "empty.csv: the file is empty"),
        (("{archive}", "--ratings", "{other}"), "other.csv: columns missing: 'rating'"),
        (("{archive}", "--ratings", "iggy"), "base address of the ratings services: not a URL"),
        (("{archive}", "--lake", "{empty}/lake"), "cannot be written to"),
    ],
)
def test_what_is_wrong_is_said_before_prefect_starts(backtest, month, tmp_path, arguments, said):
    empty, other = tmp_path / "empty.csv", tmp_path / "other.csv"
    empty.touch()
    other.write_text("\nmarket_id,selection_id,price\n1.200000001,1,2.0\n")
    given = [argument.format(archive=month.archive, empty=empty, other=other) for argument in arguments]
    lake = () if "--lake" in given else ("--lake", tmp_path / "lake")
    nowhere = {"PREFECT_HOME": "/proc/none", "BACKTEST_RATINGS_URL": "nowhere"}
    refused = backtest("run", *given, *lake, expect=None, **nowhere)
    assert refused.returncode == (1 if "--lake" in given else 2)
    error = refused.stderr
    assert said in error
    assert "PREFECT_HOME" not in error


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--venue", "Nowhere"), "no market passes the filter (--market-type WIN, --venue Nowhere); available are"),
        (("--market", "1.999999999"), "market 1.999999999 is not in"),
        (("--from", "2040-01-01"), "--from 2040-01-01"),
        (("--split", "2040-01-01"), "nothing would be on one side of it"),
    ],
)
def test_what_leaves_no_market_of_an_extracted_archive_is_said_before_prefect_starts(
    backtest, month, lake, arguments, said
):
    asked = ("run", month.archive, "--strategy", "back_favourite", "--lake", lake, *arguments)
    assert said in backtest(*asked, expect=2, PREFECT_HOME="/proc/none").stderr
