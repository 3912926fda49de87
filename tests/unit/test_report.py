"""What is shown of a run of the past is that run's, whatever lies in its folders."""

import json
import shutil
from pathlib import Path

import pytest

from flows.report import read_report
from tasks.aggregation.results import WRITTEN
from tasks.errors import InputError
from tasks.lake.datasets import RESULTS_ACCOUNT, RESULTS_REFUSED, RESULTS_STATISTICS, RESULTS_SUMMARY
from tasks.lake.store import Lake, file_path

RUNS = {f"a-{fingerprint[:8]}": fingerprint for fingerprint in ("1" * 64, "2" * 64)}
ONE, OTHER = RUNS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lake = Lake(tmp_path)
    for run, fingerprint in RUNS.items():
        for dataset in (RESULTS_SUMMARY, RESULTS_STATISTICS, RESULTS_REFUSED):
            lake.write(dataset, {"run": run}, dataset.schema.empty_table(), fingerprint)
    return tmp_path


def test_a_run_that_is_whole(root):
    assert read_report(ONE, str(root)).run == ONE


@pytest.mark.parametrize("dataset", [RESULTS_SUMMARY, RESULTS_STATISTICS], ids=lambda dataset: dataset.name)
def test_results_of_another_run_are_refused(root, dataset):
    shutil.copy(root / file_path(dataset, {"run": OTHER}), root / file_path(dataset, {"run": ONE}))
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has those of another; run its backtest again"):
        read_report(ONE, str(root))


def test_a_result_that_the_run_names_and_the_lake_lacks(root):
    lake, named = Lake(root), [RESULTS_STATISTICS.name, RESULTS_ACCOUNT.name]
    table = RESULTS_SUMMARY.schema.empty_table()
    lake.write(RESULTS_SUMMARY, {"run": ONE}, table, RUNS[ONE], notes={WRITTEN: json.dumps(named)})
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has lost results"):
        read_report(ONE, str(root))
    lake.write(RESULTS_ACCOUNT, {"run": ONE}, RESULTS_ACCOUNT.schema.empty_table(), RUNS[ONE])
    assert read_report(ONE, str(root)).run == ONE


def test_results_that_are_gone(root):
    (root / file_path(RESULTS_STATISTICS, {"run": ONE})).unlink()
    with pytest.raises(InputError, match=f"run {ONE} in the lake .* has lost results"):
        read_report(ONE, str(root))
