"""A lake on a real S3 server, whose listings are remembered: what it lacks is made again, and never left out."""

import random
import subprocess
from pathlib import Path

import pytest
from chaos import times
from s3_server import Store
from served import BACKTEST, PATIENCE, kill_tree

LAKES = times(1, 20)
KILLS_A_LAKE = times(1, 2)
DATASETS = times(1, 4)


@pytest.fixture
def run(asked, environment, ratings_url, s3):
    """Run on a lake of the store, and kill the run after so many seconds; whether it came to its end."""

    def run(lake: str, patience: float = PATIENCE) -> bool:
        process = subprocess.Popen(
            [BACKTEST, *asked(lake)],
            env={**environment, **s3.environment, "BACKTEST_RATINGS_URL": ratings_url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, said = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            kill_tree(process)
            return False
        assert process.returncode == 0, said
        return True

    return run


def download(s3: Store, lake: str, folder: Path) -> Path:
    s3.files().get(f"{lake}/", f"{folder}/", recursive=True)
    return folder


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(LAKES))
def test_killed_at_any_moment(seed, run, s3, tmp_path, undisturbed, judge):
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    lake = f"{s3.new_bucket()}/lake"
    kills = sum(not run(lake, rng.uniform(4, 20)) for _ in range(KILLS_A_LAKE))
    assert run(lake)
    for _ in range(kills):
        judge("a lake on S3: killed at a random moment (SIGKILL), and run again", download(s3, lake, tmp_path))


@pytest.mark.timeout(1800)
def test_a_part_is_missing(run, s3, tmp_path, judge):
    """A run lists what there is, then makes the rest: what it listed before is not all that there is."""
    lake = f"{s3.new_bucket()}/lake"
    assert run(lake)
    parts = (("catalogue/markets", 3), ("orders", 1), ("manifests", 0), ("catalogue/runners", 3))
    for dataset, kept in parts[:DATASETS]:
        files = sorted(s3.files().find(f"{lake}/{dataset}"))
        assert len(files) > kept
        s3.files().rm(files[kept:])
        assert run(lake)
        judge(
            "a lake on S3: part of a dataset deleted, and run again",
            download(s3, lake, tmp_path / dataset.replace("/", "-")),
        )
