"""Where each dataset's files lie, which must not change, and that a wrong key is a type error."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lake import datasets as d
from tasks.lake.dataset import Dataset, Key

PROJECT = Path(__file__).parents[2]

PATHS = {
    d.ARCHIVES.at("0011"): "archives/0011.parquet",
    d.MANIFESTS.at("0011"): "manifests/0011.parquet",
    d.CATALOGUE_MARKETS.at("month", 3): "catalogue/markets/archive=month/chunk-0003.parquet",
    d.CATALOGUE_RUNNERS.at("month", 12345): "catalogue/runners/archive=month/chunk-12345.parquet",
    d.MARKETS.at("month", 3): "markets/archive=month/chunk=3/data.parquet",
    d.WINDOWS.at("-80s..", "month", 3): "windows/window=-80s_/archive=month/chunk=3/data.parquet",
    d.RATINGS.at("iggy", "2022-03-01"): "ratings/model=iggy/date=2022-03-01/data.parquet",
    d.ORDERS.at("2022-03", "0011"): "orders/month=2022-03/0011.parquet",
    d.REJECTS.at("extract", "month", "entries"): "rejects/stage=extract/source=month/entries.parquet",
    d.ARRIVALS.at("month-0011"): "arrivals/archive=month-0011/data.parquet",
    d.RUNS.at("month-0011", 7): "runs/run=month-0011/000000000007.parquet",
    **{
        dataset.at("month-0011"): f"{name}/run=month-0011/data.parquet"
        for name, dataset in d.DATASETS.items()
        if name.startswith("results/")
    },
}


@pytest.mark.parametrize(("key", "path"), PATHS.items(), ids=PATHS.values())
def test_where_a_file_lies(key: Key, path: str):
    assert key.path == path


def test_of_each_dataset_one():
    assert {key.dataset.name for key in PATHS} == set(d.DATASETS)


@pytest.mark.parametrize("dataset", d.DATASETS.values(), ids=d.DATASETS)
def test_a_path_is_known_by_its_key(dataset: Dataset):
    for number in range(3):
        key = dataset._at(*(f"value {number}" for _ in dataset.partitions)).file()
        assert dataset.key_of(key.path.removeprefix(f"{dataset.name}/")) == key


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("MARKETS.at(archive='month')", 'Missing positional argument "chunk"'),
        ("MARKETS.at(archive='month', chunk='3')", 'incompatible type "str"; expected "int"'),
        ("RESULTS_SUMMARY.at(archive='month')", 'Unexpected keyword argument "archive"'),
        ("ORDERS.folder", 'has no attribute "folder"'),
    ],
)
def test_a_wrong_key_is_a_type_error(wrong: str, said: str, tmp_path: Path):
    snippet = tmp_path / "snippet.py"
    snippet.write_text(f"from tasks.lake.datasets import *\n{wrong}\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", PROJECT / "pyproject.toml", snippet]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stdout
