"""Planning an archive's extraction: what an earlier, larger one left behind goes."""

import shutil

import pytest
from manifests import extract_whole

from sample.archive import write_sample
from tasks.archives.identity import read_archive
from tasks.archives.manifest import find_manifest, read_extracted
from tasks.archives.market_filter import MarketFilter
from tasks.archives.selection import select_markets
from tasks.errors import BalanceError
from tasks.extraction.extract import extract_chunk
from tasks.extraction.stage import forget_old_archives, plan_extraction
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.store import Lake
from tasks.orders.session import divide
from tasks.simulation import stage
from tasks.simulation.stage import plan_replays
from tasks.variants.variant import Account, make_variant


def test_chunks_that_an_archive_no_longer_has_are_forgotten(tmp_path):
    sample = write_sample(tmp_path / "month")
    lake = Lake(tmp_path / "lake")
    archive = read_archive(lake, str(sample.archive))
    first, *_, last = plan_extraction(lake, archive, 400_000, "80s")
    extract_chunk(first)
    extract_chunk(last)

    plan_extraction(lake, archive, 10_000_000, "80s")

    left = {path.relative_to(tmp_path / "lake").parts[0] for path in (tmp_path / "lake").rglob("*.parquet")}
    assert left == {"archives"}
    assert not [path for path in (tmp_path / "lake").rglob("*.parquet") if f"chunk={last.chunk.number}" in str(path)]


def test_what_was_extracted_under_a_name_alone_is_deleted(tmp_path):
    lake = Lake(tmp_path / "lake")
    archive, _, manifest = extract_whole(lake, str(write_sample(tmp_path / "month").archive), 400_000)
    assert forget_old_archives(lake) == 0
    for folder in (tmp_path / "lake").rglob(f"archive={archive.name}"):
        shutil.copytree(folder, folder.with_name("archive=month"))
    assert forget_old_archives(lake) == 1
    assert not list((tmp_path / "lake").rglob("archive=month"))
    assert find_manifest(lake, archive) == manifest
    assert read_extracted(lake, manifest, CATALOGUE_MARKETS).num_rows == manifest.markets


def test_a_market_that_is_in_no_job_or_in_two_is_missed(tmp_path, monkeypatch):
    lake = Lake(tmp_path / "lake")
    _, _, manifest = extract_whole(lake, str(write_sample(tmp_path / "month").archive), 400_000)
    markets, _ = select_markets(lake, [manifest], MarketFilter())
    variants = [make_variant("back_favourite", {}, ratings="", window="80s", account=Account())]
    assert sum(len(job.market_ids) for job in plan_replays(lake, markets, variants, {})) == len(markets)
    for wrong in (lambda sessions: sessions[1:], lambda sessions: [*sessions, sessions[0]]):
        monkeypatch.setattr(stage, "divide", lambda *asked, wrong=wrong: wrong(list(divide(*asked))))
        with pytest.raises(BalanceError, match=rf"{len(markets)} markets were selected, \d+ are in the jobs"):
            plan_replays(lake, markets, variants, {})
