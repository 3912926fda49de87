"""A figure covers exactly the markets of the archives that its run was given, whatever lies beside or is missing."""

import random
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from chaos import times
from lakes import Difference
from served import BACKTEST, PATIENCE

from tasks.archives.archive import read_index
from tasks.errors import ArchiveError

TOGETHER = times(1, 10)
STAGES_ALONE = times(1, 12)
REPLACED = times(1, 10)
BLOCKS = times(200, 5_000)

VARIANTS = ("--strategy", "back_favourite", "--chunk-bytes", "150000")


@pytest.fixture(scope="module")
def archives(month, tmp_path_factory):
    """Two archives of one name: the month, and its second half."""
    folder = tmp_path_factory.mktemp("archives")
    whole, half = folder / "a" / "data.tar", folder / "b" / "data.tar"
    whole.parent.mkdir()
    half.parent.mkdir()
    shutil.copy(month.archive, whole)
    with tarfile.open(month.archive) as source, tarfile.open(half, "w") as target:
        entries = source.getmembers()
        for entry in entries[len(entries) // 2 :]:
            target.addfile(entry, source.extractfile(entry))
    return whole, half


@pytest.fixture(scope="module")
def alone(archives, backtest_json, tmp_path_factory):
    """What each of them gives in a lake of its own."""
    return [figures(backtest_json("run", path, *VARIANTS, "--lake", tmp_path_factory.mktemp("x"))) for path in archives]


def figures(report):
    return report["run"], report["variants"], report["stages"]["extract"]["out"]


@pytest.mark.parametrize("seed", range(TOGETHER))
def test_two_archives_of_one_name_at_once(seed, archives, alone, backtest_json, tmp_path, caused):
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda path: backtest_json("run", path, *VARIANTS, "--lake", tmp_path), archives))
    wrong = sum(figures(report) != right for report, right in zip(found, alone, strict=True))
    caused("two runs at once on one lake, of two archives of one name", Difference(wrong, 0))


@pytest.mark.parametrize("seed", range(STAGES_ALONE))
def test_a_stage_alone_on_part_of_a_lake(seed, archives, backtest, tmp_path, caused):
    """Refused by what lacks, and right again after the stage that it names."""
    rng = random.Random(seed)  # noqa: S311 - files, not secrets
    asked = (archives[0], *VARIANTS, "--lake", tmp_path)
    backtest("extract", *asked)
    datasets = ["catalogue/markets", "manifests"] if seed % 2 == 0 else ["catalogue/markets"]
    lost = rng.choice(sorted((tmp_path / rng.choice(datasets)).rglob("*.parquet")))
    lost.unlink()
    for stage in ("simulate", "aggregate"):
        refused = backtest(stage, *asked, expect=2)
        [line] = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
        assert "run the extract stage" in line
    assert not (tmp_path / "results").exists()
    caused("a stage run alone on a lake that lacks a part of an archive")


@pytest.mark.parametrize("seed", range(REPLACED))
def test_an_archive_that_is_replaced_under_a_run(seed, archives, alone, environment, backtest_json, tmp_path, caused):
    """The run is about the one or the other, or stops; the next one is about the other."""
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    path, lake = tmp_path / "data.tar", tmp_path / "lake"
    shutil.copy(archives[0], path)
    shutil.copy(archives[1], tmp_path / "next.tar")
    command = [str(word) for word in (BACKTEST, "run", path, *VARIANTS, "--lake", lake, "--json")]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _, said = process.communicate(timeout=rng.uniform(1, 12))
    except subprocess.TimeoutExpired:
        (tmp_path / "next.tar").replace(path)
        _, said = process.communicate(timeout=PATIENCE)
    else:
        (tmp_path / "next.tar").replace(path)
    assert process.returncode == 0 or "Traceback" not in said
    wrong = figures(backtest_json("run", path, *VARIANTS, "--lake", lake)) != alone[1]
    caused("an archive that is replaced while a run reads it", Difference(wrong, 0))


def test_blocks_of_a_tar_that_a_copy_left_zero(month, tmp_path, caused):
    """What lists fewer members than there are is refused."""
    whole = month.archive.read_bytes()
    members = len(read_index(str(month.archive)).members)
    path = tmp_path / "month.tar"
    for seed in range(BLOCKS):
        rng = random.Random(seed)  # noqa: S311 - places, not secrets
        length = 512 * rng.choice([1, 1, 1, 2, 3, 8, 40])
        start = 512 * rng.randrange(len(whole) // 512 - 1)
        path.write_bytes(b"".join((whole[:start], bytes(length), whole[start + length :]))[: len(whole)])
        try:
            lost = members - len(read_index(str(path)).members)
        except ArchiveError:
            lost = 0
        caused("blocks of a tar that a copy left zero", Difference(0, lost))
    for cut in (len(whole) // 3, len(whole) - 20_480 * 2):
        path.write_bytes(whole[:cut] + bytes(len(whole) - cut))
        with pytest.raises(ArchiveError, match="download or copy it again"):
            read_index(str(path))
        caused("a download that reserved its place and was not finished")
