"""An archive several times over, its markets under new ids: what a longer month looks like to the pipeline."""

import bz2
import csv
import io
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tasks.archives.archive import Member, read_index, read_members
from tasks.archives.market_files import market_of


def replicate(archive: str, predictions: str, times: int, folder: Path) -> tuple[Path, Path]:
    """Write an archive's markets so many times, and ratings for all of them.

    Args:
        archive: A tar of market files.
        predictions: Its ratings.
        times: How many copies; the first keeps its ids.
        folder: Where the two files go.

    Returns:
        The archive and the ratings.
    """
    members = [(member, raw) for member, raw in read_members(archive, read_index(archive).members)]
    ids = sorted({market for member, _ in members if (market := market_of(member.path))})
    renamed = [{old: _new_id(old, n, copy) for n, old in enumerate(ids)} for copy in range(times)]
    large, rated = folder / f"{Path(archive).stem}_{times}_times.tar", folder / f"predictions_{times}_times.csv"
    with ProcessPoolExecutor() as pool, tarfile.open(large, "w") as tar:
        jobs = [(member, raw, names) for names in renamed for member, raw in members]
        for path, content in pool.map(_rename, jobs, chunksize=8):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with Path(predictions).open(encoding="utf-8", newline="") as source, rated.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["market_id", "selection_id", "rating"])
        for row in csv.DictReader(source):
            market_id = row["market_id"].ljust(11, "0")
            for names in renamed:
                writer.writerow([names.get(market_id, market_id), row["selection_id"], row["rating"]])
    return large, rated


def _new_id(old: str, number: int, copy: int) -> str:
    return f"1.{600_000_000 + copy * 100_000 + number}" if copy else old


def _rename(job: tuple[Member, bytes, dict[str, str]]) -> tuple[str, bytes]:
    member, raw, names = job
    old = market_of(member.path) or ""
    new = names.get(old, old)
    if new == old:
        return member.path, raw
    return member.path.replace(old, new), bz2.compress(bz2.decompress(raw).replace(old.encode(), new.encode()))
