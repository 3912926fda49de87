"""`--workers` is how many replays run at once, whatever the machine has."""

import itertools
from pathlib import Path

import pytest
from small_markets import MARKETS, write_archive

SLOW = """
import os, time
from pathlib import Path
from flumine import BaseStrategy

class Slow(BaseStrategy):
    def add(self, *_):
        began = time.monotonic()
        time.sleep(3)
        path = Path(__file__).with_name(f"{os.getpid()}.times")
        path.write_text(f"{began} {time.monotonic()}")
"""


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_replays_at_once_as_workers(workers: int, tmp_path: Path, backtest):
    write_archive(tmp_path / "month.tar", MARKETS)
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    options = ("--chunk-bytes", 1, "--workers", workers, "--lake", tmp_path / "lake")
    backtest("run", tmp_path / "month.tar", "--strategy", f"{tmp_path}/slow.py:Slow", *options)
    times = [tuple(map(float, path.read_text("utf-8").split())) for path in tmp_path.glob("*.times")]
    assert len(times) == len(MARKETS) == 3
    begun = sorted(itertools.chain(((began, 1) for began, _ in times), ((ended, -1) for _, ended in times)))
    assert max(itertools.accumulate(step for _, step in begun)) == workers
