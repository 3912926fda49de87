"""What is shown of a run of the past is that run's, whatever lies in its folders."""

import json
import shutil
from pathlib import Path

import pytest

from flows.backtest_report import page_path, read_report
from tasks.aggregation.results import WRITTEN, made_of, note_parts
from tasks.errors import InputError
from tasks.lake.check import check_lake
from tasks.lake.datasets import RESULTS_ACCOUNT, RESULTS_REFUSED, RESULTS_STATISTICS, RESULTS_SUMMARY
from tasks.lake.store import Lake
from tasks.orders.files import Part

RUNS = {f"a-{fingerprint[:8]}": fingerprint for fingerprint in ("1" * 64, "2" * 64)}
ONE, OTHER = RUNS
ALL = {WRITTEN: json.dumps([RESULTS_STATISTICS.name, RESULTS_REFUSED.name, RESULTS_SUMMARY.name])}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lake = Lake(tmp_path)
    for run, fingerprint in RUNS.items():
        for dataset in (RESULTS_SUMMARY, RESULTS_STATISTICS, RESULTS_REFUSED):
            lake.write(dataset.at(run), dataset.schema.empty_table(), fingerprint, notes=ALL)
    return tmp_path


def test_a_run_that_is_whole(root):
    assert read_report(ONE, str(root)).run == ONE


@pytest.mark.parametrize("dataset", [RESULTS_SUMMARY, RESULTS_STATISTICS], ids=lambda dataset: dataset.name)
def test_results_of_another_run_are_refused(root, dataset):
    shutil.copy(root / dataset.at(OTHER).path, root / dataset.at(ONE).path)
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has another run's; run its backtest again"):
        read_report(ONE, str(root))


def test_a_result_that_the_run_names_and_the_lake_lacks(root):
    lake, named = Lake(root), {WRITTEN: json.dumps([RESULTS_STATISTICS.name, RESULTS_ACCOUNT.name])}
    lake.write(RESULTS_SUMMARY.at(ONE), RESULTS_SUMMARY.schema.empty_table(), RUNS[ONE], notes=named)
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has lost results"):
        read_report(ONE, str(root))
    lake.write(RESULTS_ACCOUNT.at(ONE), RESULTS_ACCOUNT.schema.empty_table(), RUNS[ONE])
    assert read_report(ONE, str(root)).run == ONE


@pytest.mark.parametrize(
    "dataset", [RESULTS_SUMMARY, RESULTS_STATISTICS, RESULTS_REFUSED], ids=lambda dataset: dataset.name
)
def test_results_of_the_same_run_by_other_orders_are_refused(root, dataset):
    """As a run leaves them that is killed between two files, after what a strategy reads has changed."""
    notes = ALL | note_parts([Part("2022-03", "a", "other rows", ["b-1"], ["1.1"])])
    Lake(root).write(dataset.at(ONE), dataset.schema.empty_table(), RUNS[ONE], notes=notes)
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* run its backtest again"):
        read_report(ONE, str(root))


def test_a_page_that_tells_of_other_results_is_not_offered(root):
    lake = Lake(root)
    results = lake.find(RESULTS_SUMMARY.at(ONE))
    assert results
    for told, is_offered in ((made_of(results), True), ("of orders before", False)):
        lake.write_page(page_path(ONE), f"<p>{told}</p>")
        assert (read_report(ONE, str(root)).page is not None) == is_offered


@pytest.mark.parametrize("damage", [lambda page: page.replace("1.00", "9.00"), lambda page: page[:-40], lambda _: ""])
def test_a_page_that_was_changed_is_not_offered_and_a_check_deletes_it(root, damage):
    lake = Lake(root)
    results = lake.find(RESULTS_SUMMARY.at(ONE))
    assert results
    page = Path(lake.write_page(page_path(ONE), f"<p>{made_of(results)} net 1.00</p>"))
    assert check_lake(lake).problems == []
    page.write_text(damage(page.read_text("utf-8")), "utf-8")
    assert read_report(ONE, str(root)).page is None
    [problem] = check_lake(lake).problems
    assert problem.startswith(f"{page_path(ONE)} in the lake")
    assert not page.exists()


def test_a_page_that_is_known_to_be_of_these_results_is_not_read_again(root, monkeypatch):
    monkeypatch.delattr(Lake, "read_page")
    assert read_report(ONE, str(root), "its address").page == "its address"


def test_results_that_are_gone(root):
    (root / RESULTS_STATISTICS.at(ONE).path).unlink()
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has lost results"):
        read_report(ONE, str(root))
