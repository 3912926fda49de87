"""What a rerun does: only what is missing, whatever happened before."""

import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile_markets
import pytest
import requests
from lakes import COMPARED, FINISHED, leftovers, rows, written
from served import PATIENCE, kill_tree

from sample import server as ratings_server
from sample.archive import Sample
from tasks.archives.identity import read_archive
from tasks.lake.datasets import RUNS
from tasks.lake.store import Lake
from tasks.runs import latest_run, read_run

BacktestJson = Callable[..., dict[str, Any]]


def asked(month: Sample, lake: Path) -> tuple[object, ...]:
    variants = ("--strategy", "back_favourite", "--strategy", "rated_price:seconds_to_start=30")
    return ("run", month.archive, "--ratings", "iggy", *variants, "--lake", lake, "--chunk-bytes", 100_000)


@pytest.fixture(scope="module")
def undisturbed(month, ratings_url, tmp_path_factory, backtest_json) -> Path:
    lake = tmp_path_factory.mktemp("undisturbed")
    backtest_json(*asked(month, lake), BACKTEST_RATINGS_URL=ratings_url)
    return lake


@pytest.mark.parametrize("dataset", ["markets", "ratings", "orders"])
def test_killed_and_run_again_gives_the_same_lake(
    dataset, month, ratings_url, undisturbed, tmp_path, environment, backtest_json
):
    command = [Path(sys.executable).parent / "backtest", *map(str, asked(month, tmp_path))]
    with subprocess.Popen(
        command, env={**environment, "BACKTEST_RATINGS_URL": ratings_url}, stderr=subprocess.DEVNULL, text=True
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not list((tmp_path / dataset).rglob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.01)
        kill_tree(process)
    finished = written(tmp_path)
    assert finished, "nothing was finished before the kill"

    report = backtest_json(*asked(month, tmp_path), BACKTEST_RATINGS_URL=ratings_url)

    for name in COMPARED:
        assert rows(tmp_path, name) == rows(undisturbed, name)
    whole_chunks = {name for name in finished if name.startswith(FINISHED)}
    now = written(tmp_path)
    assert {name: now[name] for name in whole_chunks} == {name: finished[name] for name in whole_chunks}
    assert not leftovers(tmp_path)
    assert report["stages"]["extract"]["cached"] == (dataset != "markets")


def test_a_deleted_file_costs_just_that_file(month, ratings_url, undisturbed, tmp_path, backtest_json):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    before = written(tmp_path)
    gone = next(name for name in sorted(before) if name.startswith("orders/"))
    (tmp_path / gone).unlink()
    report = backtest_json(*asked(month, tmp_path), BACKTEST_RATINGS_URL=ratings_url)
    after = written(tmp_path)
    # The record of the run says another lake, so it is another.
    changed = {name for name in after if after[name] != before.get(name) and not name.startswith("runs/")}
    assert changed == {gone}
    assert report["stages"]["extract"]["cached"]
    assert not report["stages"]["simulate"]["cached"]
    assert rows(tmp_path, "orders") == rows(undisturbed, "orders")


def test_no_market_is_replayed_twice(month, ratings_url, tmp_path, backtest_json):
    """All markets, then one venue, then all, cut otherwise, in another archive; then with one variant more."""
    lake, copied = tmp_path / "lake", tmp_path / "again.tar"
    shutil.copy(month.archive, copied)

    def ordered(*words: object, archive: Path = month.archive) -> tuple[int, int, Any]:
        report = backtest_json(
            "run", archive, "--ratings", "iggy", "--lake", lake, *words, BACKTEST_RATINGS_URL=ratings_url
        )
        return len(list(lake.glob("orders/**/*.parquet"))), report["stages"]["simulate"]["out"], report["variants"]

    files, markets, variants = ordered("--strategy", "rated_price")
    venue = ordered("--strategy", "rated_price", "--venue", month.races[0].track.venue)
    assert venue[0] == files
    assert 0 < venue[1] < markets
    assert ordered("--strategy", "rated_price", "--chunk-bytes", 100_000) == (files, markets, variants)
    assert ordered("--strategy", "rated_price", archive=copied) == (files, markets, variants)
    more = ordered("--strategy", "rated_price", "--strategy", "rated_price:stake=7", archive=copied)
    assert (more[0], more[1], more[2][0]) == (2 * files, markets, variants[0])


def test_a_market_of_another_type_is_replayed_from_nothing_by_its_id(tmp_path, backtest_json):
    place = hostile_markets.lines(hostile_markets.market(3))
    assert '"marketType":"PLACE"' in place[0]
    (tmp_path / "1.200000003.json").write_text("\n".join(place))
    words = ("--window", "all", "--market", "1.200000003", "--lake", tmp_path / "lake")
    simulated = backtest_json("run", tmp_path / "1.200000003.json", *words)["stages"]["simulate"]
    assert (simulated["in"], simulated["out"]) == (1, 1)


def test_without_prefects_database_nothing_is_redone(month, ratings_url, undisturbed, tmp_path, backtest_json):
    """The embedded server, with an empty database."""
    report = backtest_json(
        *asked(month, undisturbed),
        BACKTEST_RATINGS_URL=ratings_url,
        PREFECT_HOME=str(tmp_path),
    )
    assert all(stage["cached"] for stage in report["stages"].values())


FLAWED = '''
from flumine import BaseStrategy

class Flawed(BaseStrategy):
    """Raises in one market."""

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        if market_book.market_id == "{market_id}" and {flawed}:
            raise ZeroDivisionError("one market too many")
'''


def test_a_strategy_that_raises_fails_its_chunk_alone(month, tmp_path, environment, backtest, backtest_json):
    market_id = month.races[30].market_id
    lake, code = tmp_path / "lake", tmp_path / "theirs.py"
    run = ("run", month.archive, "--strategy", "theirs:Flawed", "--lake", lake, "--chunk-bytes", 100_000)
    code.write_text(FLAWED.format(market_id=market_id, flawed=True))
    failed = backtest(*run, expect=1, PYTHONPATH=str(tmp_path))
    first_line = failed.stderr[failed.stderr.index("error:") :].splitlines()[0]
    assert "1 of" in first_line
    assert "theirs.Flawed" in first_line
    assert "ZeroDivisionError: one market too many" in first_line
    assert market_id in first_line
    assert "theirs.py" in failed.stderr, "the traceback names the user's file"
    kept = [name for name in written(lake) if name.startswith("orders/")]
    assert kept
    assert not failed.stdout

    code.write_text(FLAWED.format(market_id=market_id, flawed=False))
    mended = backtest_json(*run, PYTHONPATH=str(tmp_path))
    assert mended["stages"]["extract"]["cached"]
    assert mended["stages"]["simulate"]["out"] == 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "no_such.tar"], "no_such.tar: no such archive"),
        (["run", "README.md"], "README.md: not an archive"),
        (["run", "{archive}", "--strategy", "back_favorite"], "did you mean back_favourite?"),
        (["run", "{archive}", "--strategy", "back_favourite:stak=2"], "stak"),
        (["run", "{archive}", "--strategy", "back_favourite:stake=-2"], "stake"),
        (["run", "{archive}", "--strategy", "back_favourite:stake"], "back_favourite:stake"),
        (["run", "{archive}", "--strategy", "no_such_module:Theirs"], "no_such_module"),
        (["run", "{archive}", "--strategy", "rated_price"], "given none"),
        (["run", "{archive}", "--strategy", "rated_price", "--ratings", "no.csv"], "no.csv"),
        (["run", "{archive}", "--window", "eighty"], "give 80s"),
        (["run", "{archive}", "--window", "inplay"], "can never bet"),
        (["run", "{archive}", "--from", "yesterday"], "--from: "),
        (["run", "{archive}", "{archive}"], "given twice; give it once"),
        (["show", "no-such-run"], "no run no-such-run"),
    ],
)
def test_bad_input_gets_one_line(arguments, said, month, tmp_path, backtest):
    words = [word.format(archive=month.archive) for word in arguments]
    done = backtest(*words, "--lake", tmp_path / "lake", expect=2)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert not done.stdout
    assert not (tmp_path / "lake").exists(), "nothing was written"


def test_stages_run_one_by_one(month, ratings_url, undisturbed, tmp_path, backtest_json):
    words = asked(month, tmp_path)[1:]
    stages = {
        stage: backtest_json(stage, *words, BACKTEST_RATINGS_URL=ratings_url)
        for stage in ("extract", "ratings", "simulate", "aggregate")
    }
    assert [stage["in"] for stage in stages.values()] == [60, 440, 60, stages["aggregate"]["out"]]
    for name in COMPARED:
        assert rows(tmp_path, name) == rows(undisturbed, name)


def latest(server, kind, limit):
    sort = {"sort": "EXPECTED_START_TIME_DESC", "limit": limit}
    return requests.post(f"{server}/{kind}/filter", json=sort, timeout=PATIENCE).json()


def test_work_that_is_done_has_no_task_run_and_the_ui_says_so(month, ratings_url, undisturbed, server, backtest_json):
    before = {run["id"] for run in latest(server, "task_runs", 200)}
    backtest_json(*asked(month, undisturbed), BACKTEST_RATINGS_URL=ratings_url)
    new = [run["name"] for run in latest(server, "task_runs", 200) if run["id"] not in before]
    assert not [name for name in new if name.startswith(("extract chunk", "simulate chunk", "settle"))]
    stages = {run["name"].split()[0]: run["state_name"] for run in latest(server, "flow_runs", 5)}
    assert {stages[stage] for stage in ("extract", "simulate", "aggregate")} == {"Cached"}


SAVES = """
from pathlib import Path

import helper_that_is_saved
from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade

# As if somebody saved the file while archives were being extracted, after this module was imported by the plan.
folder = Path(__file__).parent
if not (folder / "saved").exists():
    (folder / "saved").touch()
    (folder / "helper_that_is_saved.py").write_text("STAKE = 5.0\\n")


class Saves(BaseStrategy):
    placed = False

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN" and not self.placed

    def process_market_book(self, market, market_book):
        self.placed = True
        runner = market_book.runners[0]
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order("BACK", LimitOrder(1.01, helper_that_is_saved.STAKE)))
"""


def test_ratings_of_no_archive_are_said_beside_an_archive_without_a_market(month, tmp_path, backtest_json):
    junk, ratings = tmp_path / "junk.tar", tmp_path / "ratings.csv"
    (tmp_path / "notes.txt").write_text("x")
    with tarfile.open(junk, "w") as tar:
        tar.add(tmp_path / "notes.txt", "notes.txt")
    rated = month.races[0]
    rows = [(rated.market_id, rated.runners[0].selection_id, 2.0), ("1.999999999", 1, 3.0)]
    ratings.write_text("\n".join(["market_id,selection_id,rating", *(",".join(map(str, row)) for row in rows)]))
    told = backtest_json("run", junk, month.archive, "--ratings", ratings, "--lake", tmp_path / "lake")
    assert "rated, but in no archive of the run" in Path(told["page"]).read_text("utf-8")


def test_a_source_that_is_saved_while_the_run_is_under_way_counts_as_it_is_in_the_end(month, tmp_path, backtest_json):
    (tmp_path / "helper_that_is_saved.py").write_text("STAKE = 2.0\n")
    (tmp_path / "saves.py").write_text(SAVES)
    asked = ("run", month.archive, "--strategy", "saves:Saves", "--lake", tmp_path / "lake")
    (variant,) = backtest_json(*asked, PYTHONPATH=str(tmp_path))["variants"]
    assert (variant["turnover"], variant["bets"]) == (5.0 * variant["bets"], 60)


def test_a_page_that_a_killed_run_did_not_get_to_write_anew_is_written(month, tmp_path, backtest_json):
    """A run whose orders are others, as its own module is, was killed between its results and its page."""
    (tmp_path / "saved").touch()
    (tmp_path / "saves.py").write_text(SAVES)
    asked = ("run", month.archive, "--strategy", "saves:Saves", "--lake", tmp_path / "lake")
    pages = {}
    for stake in ("2.0", "5.0"):
        (tmp_path / "helper_that_is_saved.py").write_text(f"STAKE = {stake}\n")
        page = Path(backtest_json(*asked, PYTHONPATH=str(tmp_path))["page"])
        pages[stake] = page.read_bytes()
    assert len(set(pages.values())) == len(pages)
    page.write_bytes(pages["2.0"])
    told = backtest_json(*asked, PYTHONPATH=str(tmp_path))
    assert told["stages"]["aggregate"]["cached"]
    assert Path(told["page"]).read_bytes() == pages["5.0"]


RATED = """
from pathlib import Path

from flumine import BaseStrategy
from flumine.order.ordertype import LimitOrder
from flumine.order.trade import Trade

# As if somebody made the ratings anew while archives were being extracted.
folder = Path(__file__).parent
if (folder / "new.csv").exists():
    (folder / "new.csv").rename(folder / "ratings.csv")


class Rated(BaseStrategy):
    placed = False

    def __init__(self, *args, ratings, **kwargs):
        super().__init__(*args, **kwargs)
        self.ratings = ratings

    def check_market_book(self, market, market_book):
        return market_book.status == "OPEN" and not self.placed

    def process_market_book(self, market, market_book):
        self.placed = True
        runner = market_book.runners[0]
        stake = self.ratings[market.market_id][runner.selection_id]
        trade = Trade(market.market_id, runner.selection_id, runner.handicap, self)
        market.place_order(trade.create_order("BACK", LimitOrder(1.01, stake)))
"""


def test_ratings_that_are_saved_while_the_run_is_under_way_are_not_taken_for_those_before(
    month, tmp_path, backtest_json
):
    runners = [(race.market_id, runner.selection_id) for race in month.races for runner in race.runners]
    ratings = {
        stake: "".join(["market_id,selection_id,rating\n", *(f"{one},{other},{stake}\n" for one, other in runners)])
        for stake in (2.0, 5.0)
    }
    (tmp_path / "rated.py").write_text(RATED)
    (tmp_path / "ratings.csv").write_text(ratings[2.0])
    (tmp_path / "new.csv").write_text(ratings[5.0])
    asked = ("run", month.archive, "--strategy", "rated:Rated", "--lake", tmp_path / "lake")
    for stake in (5.0, 2.0):
        (variant,) = backtest_json(*asked, "--ratings", tmp_path / "ratings.csv", PYTHONPATH=str(tmp_path))["variants"]
        assert (variant["turnover"], variant["bets"]) == (stake * variant["bets"], 60)
        (tmp_path / "ratings.csv").write_text(ratings[2.0])


SWAPS = """
from contextlib import suppress
from pathlib import Path

from flumine import BaseStrategy

folder = Path(__file__).parent


class Swaps(BaseStrategy):
    def check_market_book(self, market, market_book):
        with suppress(FileNotFoundError):
            (folder / "next.tar").rename(folder / "data.tar")
        return False
"""


def test_an_archive_that_is_replaced_under_a_run_by_one_that_the_lake_knows_stops_it(month, tmp_path, backtest):
    """Each stage finds all that it wants, of one archive or of the other."""
    (tmp_path / "swaps.py").write_text(SWAPS)
    with tarfile.open(month.archive) as whole, tarfile.open(tmp_path / "next.tar", "w") as tar:
        first = next(member for member in whole if member.isreg())
        tar.addfile(first, whole.extractfile(first))
    lake = ("--lake", tmp_path / "lake")
    backtest("extract", tmp_path / "next.tar", *lake)
    shutil.copy(month.archive, tmp_path / "data.tar")
    asked = ("run", tmp_path / "data.tar", "--strategy", f"{tmp_path / 'swaps.py'}:Swaps", *lake)
    said = backtest(*asked, expect=2).stderr
    [line] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert line == f"error: {tmp_path / 'data.tar'}: was replaced while the run worked; run it again"
    assert not (tmp_path / "lake" / "results").exists()
    backtest(*asked)


def test_an_archive_that_was_extracted_under_a_copys_name_is_made_again_under_it(month, tmp_path, backtest):
    """The first was met, but not extracted, before its copy was run."""
    first, copy = (Path(shutil.copy(month.archive, tmp_path / f"{name}.tar")) for name in ("first", "copy"))
    lake = ("--lake", tmp_path / "lake")
    backtest("simulate", first, *lake, expect=2)
    backtest("run", copy, *lake)
    copy.unlink()
    for lost in (tmp_path / "lake" / "catalogue" / "runners").rglob("*.parquet"):
        lost.unlink()
    backtest("run", first, *lake)
    assert [found.name for found in (tmp_path / "lake" / "markets").iterdir() if found.is_dir()] == [
        f"archive={read_archive(Lake(tmp_path / 'lake'), str(first)).name}"
    ]


def test_the_report_of_a_stage_alone_names_the_rejects_of_a_whole_run(month, tmp_path, backtest_json):
    copied = tmp_path / "again.tar"
    with tarfile.open(month.archive) as whole, tarfile.open(copied, "w") as tar:
        first = next(member for member in whole if member.isreg())
        tar.addfile(first, whole.extractfile(first))
    asked = (month.archive, copied, "--lake", tmp_path / "lake")
    backtest_json("run", *asked)
    told = backtest_json("aggregate", *asked, "--commission", "0.05")
    assert "market twice" in Path(told["page"]).read_text("utf-8")


def test_the_report_names_what_was_rejected_since(month, tmp_path, backtest_json):
    shutil.copytree(month.ratings, tmp_path / "ratings")
    *_, day = sorted((tmp_path / "ratings").glob("*.csv"))
    header, *rows = day.read_text("utf-8").splitlines()
    asked = ("run", month.archive, "--strategy", "rated_price", "--ratings", "iggy", "--lake", tmp_path / "lake")
    pages = []
    with ratings_server.serve(tmp_path / "ratings") as url:
        for told in ([], [f"{row.rpartition(',')[0]},x" for row in rows]):
            day.write_text("\n".join([header, *told]), "utf-8")
            pages.append(Path(backtest_json(*asked, BACKTEST_RATINGS_URL=url)["page"]).read_text("utf-8"))
    assert ["not a rating" in page for page in pages] == [False, True]


def test_of_two_services_on_one_lake_each_runs_figures_are_of_its_own(
    month, ratings_url, tmp_path, backtest, backtest_json
):
    """Another service's ratings of the same days came between a run's stages."""
    shutil.copytree(month.ratings, tmp_path / "ratings")
    for day in (tmp_path / "ratings").glob("*.csv"):
        header, *rows = day.read_text("utf-8").splitlines()
        day.write_text("\n".join([header, *(f"{row.rpartition(',')[0]},1.5" for row in rows)]), "utf-8")
    asked = (month.archive, "--strategy", "rated_price", "--ratings", "iggy", "--lake", tmp_path / "lake")
    alone = backtest_json("run", *asked, BACKTEST_RATINGS_URL=ratings_url)["variants"]
    with ratings_server.serve(tmp_path / "ratings") as other:
        backtest("ratings", month.archive, *asked[3:], BACKTEST_RATINGS_URL=other)
    for stage in ("simulate", "aggregate"):
        told = backtest(stage, *asked, expect=1, BACKTEST_RATINGS_URL=ratings_url)
        assert "of other input or another version; run the stage that makes it" in told.stderr
    assert backtest_json("run", *asked, BACKTEST_RATINGS_URL=ratings_url)["variants"] == alone


def test_the_lake_says_what_was_asked_and_what_came_of_it(month, ratings_url, undisturbed, tmp_path, backtest):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    lake = Lake(tmp_path)
    done = read_run(lake, str(latest_run(lake)))
    assert done is not None
    assert (done.state, done.asked_by, done.number) == ("done", "backtest", 1)
    assert f"backtest run {month.archive} --strategy back_favourite --strategy rated_price" in done.command
    assert [(one.address, one.content) for one in done.archives] == [
        (str(month.archive), read_archive(lake, str(month.archive)).content)
    ]
    assert done.ratings is not None
    assert done.ratings.name == "iggy"
    assert done.verdict is not None
    assert done.verdict in backtest("show", "--lake", tmp_path).stdout

    raising = tmp_path / "raising.py"
    raising.write_text(
        "from flumine import BaseStrategy\n"
        "class Raising(BaseStrategy):\n"
        "    def check_market_book(self, market, market_book):\n"
        "        raise ValueError('as asked')\n",
        encoding="utf-8",
    )
    backtest(
        "run", month.archive, "--strategy", "raising:Raising", "--lake", tmp_path, expect=1, PYTHONPATH=str(tmp_path)
    )
    records = [read_run(lake, run) for run in lake.values(RUNS)]
    assert [(one.state, one.verdict) for one in records if one and one.number == 2] == [("asked", None)]
