"""The sample on disk: an archive in the exchange's layout, the ratings beside it, and a note of what made them."""

import bz2
import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from sample.atomic import replacing
from sample.chance import seeded
from sample.messages import stream
from sample.races import Race, draw_month
from sample.ratings import write_ratings

NAME = "2026_01_JanSyntheticPro.tar"
"""The archive's file name, in the exchange's pattern and with the mark that it is synthetic."""

_NOTE = "sample.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample on disk.

    Attributes:
        archive: The tar of bz2 files.
        ratings: The folder of the daily ratings.
        races: What it was made from, with true win probabilities and winners.
    """

    archive: Path
    ratings: Path
    races: tuple[Race, ...]


def write_sample(folder: Path, seed: int = 2026) -> Sample:
    """Makes sure that a folder holds a seed's sample.

    Nothing is written when it is there already, made from the same seed by this same generator.

    Args:
        folder: Where; it is made if need be.
        seed: Decides everything.

    Returns:
        The sample: `<folder>/2026_01_JanSyntheticPro.tar` and `<folder>/ratings/YYYY-MM-DD.csv`.
    """
    sample = Sample(folder / NAME, folder / "ratings", tuple(draw_month(seed)))
    note = folder / _NOTE
    if not _is_there(note, seed):
        folder.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        write_archive(sample.archive, sample.races, seed)
        ratings = write_ratings(sample.ratings, sample.races, seeded(seed, "ratings"))
        files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in (sample.archive, *ratings)}
        # Written last, and gone meanwhile: a note never vouches for files that it was not made with.
        with replacing(note) as file:
            file.write(
                orjson.dumps({"seed": seed, "generator": _generator(), "files": files}, option=orjson.OPT_INDENT_2)
            )
    return sample


def write_archive(path: Path, races: Iterable[Race], seed: int) -> None:
    """Writes races as an archive of the exchange: `PRO/2026/Jan/1/<eventId>/<marketId>.bz2`.

    The same races and seed give the same bytes with the same Python; 3.12 sums floats more exactly than 3.11.

    Args:
        path: The archive.
        races: The races, in the order of the archive's members.
        seed: Decides what the races leave open: how each market went.
    """
    with replacing(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for race in races:
            # Each market has a generator of its own, so that it does not depend on the others.
            lines = b"".join(stream(race, seeded(seed, race.market_id)))
            packed = bz2.compress(lines)
            # A TarInfo's own defaults are no owner and no time: nothing of this machine or moment gets in.
            member = tarfile.TarInfo(_member(race))
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))


def _member(race: Race) -> str:
    day = race.market_time
    return f"PRO/{day:%Y}/{day:%b}/{day.day}/{race.event_id}/{race.market_id}.bz2"


def _is_there(note: Path, seed: int) -> bool:
    try:
        made = orjson.loads(note.read_bytes())
        return (
            made["seed"] == seed
            and made["generator"] == _generator()
            and all((note.parent / name).stat().st_size == size for name, size in made["files"].items())
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # No note, not our note, or a file that it names is gone: to be made anew in every case.
        return False


def _generator() -> str:
    """The generator's version: a digest of its own source, which nobody has to remember to raise."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()
