"""What the README prints works as printed."""

import contextlib
import csv
import io
import json
import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
QUERIES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, backtest):
    """A folder in which `make backtest` has run, and what it printed."""
    folder = tmp_path_factory.mktemp("user")
    done = backtest("sample", "--lake", folder / "data_lake" / "sample")
    return folder, done.stdout


def test_the_sample_prints_a_table_of_variants_and_where_it_is(sampled):
    _, printed = sampled
    for word in ("bets", "turnover", "gross", "commission", "net", "ROI", "rated_price-", "back_favourite-"):
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
        exec(query, {})  # noqa: S102 - the README's own words are what is tested
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


def test_every_verb_is_in_the_readme(backtest):
    verbs = re.findall(r"^[│ ]+(\w+)  +\S", backtest("--help").stdout, re.MULTILINE)
    assert {"run", "show", "strategies", "sample"} <= set(verbs)
    assert [verb for verb in verbs if verb not in README] == []
