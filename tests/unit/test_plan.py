"""Planning an archive's extraction: what an earlier, larger one left behind goes."""

from sample.archive import write_sample
from tasks.extraction.extract import extract_chunk
from tasks.extraction.identity import read_archive
from tasks.extraction.stage import plan
from tasks.lake.store import Lake


def test_chunks_that_an_archive_no_longer_has_are_forgotten(tmp_path):
    sample = write_sample(tmp_path / "month")
    lake = Lake(tmp_path / "lake")
    archive = read_archive(lake, str(sample.archive))
    first, *_, last = plan(lake, archive, 400_000, "80s")
    extract_chunk(first)
    extract_chunk(last)

    plan(lake, archive, 10_000_000, "80s")

    left = {path.relative_to(tmp_path / "lake").parts[0] for path in (tmp_path / "lake").rglob("*.parquet")}
    assert left == {"archives", "catalogue", "markets", "windows", "rejects"}
    assert not [path for path in (tmp_path / "lake").rglob("*.parquet") if f"chunk={last.chunk.number}" in str(path)]
