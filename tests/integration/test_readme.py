"""What the README and the pages of docs/ print works as printed."""

import contextlib
import csv
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DOCS = {page.name: page.read_text() for page in sorted((PROJECT / "docs").glob("*.md"))}
README = (PROJECT / "README.md").read_text()
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").glob("*.md")]


def printed_python(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCS[page], re.DOTALL)


QUERIES = printed_python("lake.md")
STRATEGY, ITS_FILE = printed_python("strategies.md")
[SECONDS] = [query for query in printed_python("which-second.md") if "seconds_to_start" in query]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, backtest):
    """A folder in which `make backtest` has run, and what it printed."""
    folder = tmp_path_factory.mktemp("user")
    done = backtest("sample", "--lake", folder / "data_lake" / "sample")
    return folder, done.stdout


def test_the_sample_prints_a_table_of_variants_and_where_it_is(sampled):
    _, printed = sampled
    for word in (
        "replayed",
        "bets",
        "turnover",
        "gross",
        "commission",
        "net",
        "ROI",
        "rated_price-",
        "back_favourite-",
    ):
        assert word in printed
    assert "data_lake/sample: results/*/run=2026_01_JanSyntheticPro-" in printed
    assert "synthetic" in printed


def test_a_second_sample_says_cached_for_every_stage(sampled, backtest):
    folder, _ = sampled
    printed = backtest("sample", "--lake", folder / "data_lake" / "sample").stdout
    assert printed.count("Cached") == 4
    assert "done" not in printed


@pytest.mark.parametrize("query", QUERIES, ids=["duckdb", "pandas"])
def test_a_query_of_three_lines_works(query, sampled, monkeypatch):
    folder, _ = sampled
    monkeypatch.chdir(folder)
    assert len(query.strip().splitlines()) == 3
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(query, {})  # noqa: S102 - the page's own words are what is tested
    assert "rated_price-" in printed.getvalue()


def test_the_figures_come_out_as_csv(sampled, backtest):
    folder, printed = sampled
    lake = folder / "data_lake" / "sample"
    rows = list(csv.DictReader(io.StringIO(backtest("show", "--csv", "--lake", lake).stdout)))
    assert len(rows) == 5
    for row in rows:
        assert f"{float(row['net']):,.2f}" in printed
        assert json.loads(row["parameters"])["seconds_to_start"] in {30, 60}
        assert row["verdict"] in printed


def test_no_figure_is_cut_at_the_edge_of_a_terminal(sampled, backtest):
    folder, printed = sampled
    narrow = backtest("show", "--lake", folder / "data_lake" / "sample", COLUMNS="80").stdout
    for table in (printed, narrow):
        assert "…" not in table
        assert re.search(r"60 +52 +260\.00 .+%$", table, re.MULTILINE)


def test_the_strategy_that_declares_a_file_is_replayed_when_that_changed(sampled, backtest_json, monkeypatch):
    folder, _ = sampled
    monkeypatch.chdir(folder)
    (folder / "limits.py").write_text(STRATEGY)
    exec(ITS_FILE, {})  # noqa: S102 - as above
    (command,) = re.findall(r"^backtest (run data_lake/sample.*)$", DOCS["strategies.md"], re.MULTILINE)
    words = [str(folder / word) if word.startswith("data_lake") else word for word in shlex.split(command)]

    def run():
        done = backtest_json(*words, PYTHONPATH=str(folder))
        return done["stages"]["simulate"]["cached"], done["variants"][0]["bets"]

    (was_cached, bets), second = run(), run()
    assert (was_cached, second) == (False, (True, bets))
    exec(ITS_FILE.replace("4.0", "3.0"), {})  # noqa: S102 - as above
    was_cached, fewer = run()
    assert not was_cached
    assert fewer < bets


def test_every_verb_and_option_is_in_the_pages(backtest):
    verbs = re.findall(r"^[│ ]+(\w+)  +\S", backtest("--help").stdout, re.MULTILINE)
    assert {"run", "show", "strategies", "sample"} <= set(verbs)
    everything = README + "".join(DOCS.values())
    assert [verb for verb in verbs if not re.search(rf"`{verb}`|backtest {verb}\b", everything)] == []
    # A flag's other word, `--no-…`, follows from the first.
    told = "".join(backtest(verb, "--help").stdout for verb in ("run", "sweep"))
    options = set(re.findall(r"^[│* ]+(--(?!no-)[\w-]+)", told, re.MULTILINE))
    assert {"--strategy", "--set", "--worker-megabytes", "--debug", "--watch"} <= options
    assert {option for option in options if f"`{option}`" not in DOCS["options.md"]} == {"--help"}


def test_the_readme_is_short_and_names_every_page():
    assert len(README.splitlines()) <= 150
    assert [page for page in DOCS if f"(docs/{page})" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_net_of_each_venue_is_one_runs_whatever_else_is_in_the_lake(sampled, backtest, monkeypatch):
    folder, _ = sampled
    lake = folder / "data_lake" / "sample"
    shown = csv.DictReader(io.StringIO(backtest("show", "--csv", "--lake", lake).stdout))
    [row] = [row for row in shown if row["strategy"].startswith("back_favourite-")]
    [run] = re.findall(r"^Run (\S+)", backtest("show", "--lake", lake).stdout, re.MULTILINE)
    [archive] = lake.rglob("*.tar")
    backtest("run", archive, "--commission", "0.05", "--lake", lake)
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    exec(QUERIES[0].replace("print(", "found = ("), scope)  # noqa: S102 - the page's own words are what is tested
    found = scope["found"].df()
    by_run = found[found["strategy"] == row["strategy"]].groupby("run")[["bets", "net"]].sum()
    assert by_run["bets"].tolist() == [int(row["bets"])] * 2
    assert by_run.loc[run, "net"] == pytest.approx(float(row["net"]), abs=0.001)
    assert by_run["net"].nunique() == 2, "the other run pays another commission"


def test_the_query_of_the_worked_example_has_a_variant_of_a_run_a_row(sampled, backtest, monkeypatch):
    folder, _ = sampled
    lake = folder / "data_lake" / "sample"
    [archive] = lake.rglob("*.tar")
    for commission in ("0.06", "0.07"):
        backtest("run", archive, "--strategy", "back_favourite", "--commission", commission, "--lake", lake)
    (folder / "lake").symlink_to(lake)
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    exec(SECONDS.replace("duckdb.sql(", "found = duckdb.sql(").replace(".show()", ""), scope)  # noqa: S102 - as above
    found = scope["found"].df()
    shown = csv.DictReader(io.StringIO(backtest("show", "--csv", "--lake", lake).stdout))
    [run] = re.findall(r"^Run (\S+)", backtest("show", "--lake", lake).stdout, re.MULTILINE)
    of_run = found[found["run"] == run[-8:]]
    assert of_run[["bets", "net"]].to_numpy().tolist() == [[int(row["bets"]), float(row["net"])] for row in shown]
    assert len(found) > len(of_run) == 1
