"""Disks that are full, read-only or change what they were given, and clocks that jump."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import CHAOS, times
from lakes import leftovers
from served import BACKTEST

DAMAGES = times(3, 40)
SIZES = range(200, 2200, 200) if CHAOS else [600]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk in memory of 200 kB, to be remounted larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], check=False)  # noqa: S607
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # noqa: S607


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)  # noqa: S607


@pytest.mark.parametrize("size", SIZES)
def test_a_full_disk(size, small_disk, asked, backtest, ratings_url, judge):
    remount(small_disk, f"size={size}k")
    lake = small_disk / "lake"
    failed = backtest(*asked(lake), expect=1, BACKTEST_RATINGS_URL=ratings_url)
    assert "No space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not leftovers(lake)
    remount(small_disk, "size=64m")
    backtest(*asked(lake), BACKTEST_RATINGS_URL=ratings_url)
    judge("a full disk, and run again when there is room", lake)


def test_a_lake_that_cannot_be_written_to(small_disk, asked, backtest, ratings_url, caused):
    remount(small_disk, "ro")
    failed = backtest(*asked(small_disk / "lake"), expect=1, BACKTEST_RATINGS_URL=ratings_url)
    assert "cannot be written" in failed.stderr
    assert "Read-only file system" in failed.stderr
    assert "Traceback" not in failed.stderr
    caused("a lake that is read-only")


@pytest.mark.parametrize("seed", range(DAMAGES))
def test_a_file_damaged_behind_our_back(seed, undisturbed, tmp_path, asked, backtest, ratings_url, judge):
    lake = tmp_path / "lake"
    shutil.copytree(undisturbed, lake)
    rng = random.Random(seed)  # noqa: S311 - places, not secrets
    path = rng.choice(sorted(lake.rglob("*.parquet")))
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    if seed % 3:
        content[place] ^= 1 << rng.randrange(8)
    else:
        del content[place:]
    path.write_bytes(content)
    said = ""
    if path.relative_to(lake).parts[0] in {"markets", "windows", "ratings"}:
        # Of these a run reads nothing, or not every column, until it needs them; whoever does not wait can look now.
        said = backtest("check", "--lake", lake, expect=None).stderr
        shutil.rmtree(lake / "orders")
    # A run that has no results reads all the rest.
    shutil.rmtree(lake / "results")
    said += backtest(*asked(lake), BACKTEST_RATINGS_URL=ratings_url).stderr
    judge("a file of the lake cut short or with a flipped bit", lake)
    if not seed % 3 and "results" not in path.parts:
        assert "damaged" in said
        assert str(path.relative_to(lake)) in said


@pytest.mark.skipif(not shutil.which("faketime"), reason="there is no faketime on this machine")
@pytest.mark.parametrize("jump", ["-400d", "+400d", "-1h", "+1h"] if CHAOS else ["-400d"])
def test_a_clock_that_jumps(jump, tmp_path, asked, succeed, ratings_url, backtest, judge):
    lake = tmp_path / "lake"
    succeed("faketime", "-f", jump, BACKTEST, *asked(lake))
    again = backtest(*asked(lake, "--json"), BACKTEST_RATINGS_URL=ratings_url)
    assert again.stdout.count('"cached": true') == 4
    judge("a clock that jumps between two runs", lake)
