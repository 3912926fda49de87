"""Extract one chunk of an archive into the lake: messages, catalogue and rejects. Runs in worker processes."""

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tasks.archives.archive import Member, read_members
from tasks.archives.identity import Archive
from tasks.archives.manifest import EXTRACTED_BY
from tasks.archives.market_files import market_of
from tasks.errors import BalanceError
from tasks.extraction.chunks import Chunk
from tasks.extraction.markets import Intake, Market, read_markets
from tasks.lake.dataset import Dataset, Key, chunk_name
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS, REJECTS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.parquet import LakeFile
from tasks.lake.store import Lake
from tasks.rejects import Reject, as_table
from tasks.watch import Step, watch
from tasks.windows.files import WindowsFile
from tasks.windows.window import DEFAULT_WINDOW

# Time limit: hundreds of times what a member takes.
_SECONDS, _BYTES_A_SECOND = 60.0, 100_000

TAKEN = "taken"
"""The note in a chunk's catalogue with the number of markets that went in: those extracted plus those rejected."""


@dataclass(frozen=True)
class ExtractJob:
    """The extraction of one chunk, as a worker process receives it.

    Attributes:
        lake: Where the output goes.
        address: The archive.
        archive: Its name in the lake.
        chunk: The members.
        window: Compressed while the messages are in memory; affects only `windows`.
        fingerprint: Of everything the output depends on.
    """

    lake: Lake
    address: str
    archive: str
    chunk: Chunk
    window: str
    fingerprint: str

    @property
    def windows(self) -> WindowsFile:
        """The chunk's compressed windows."""
        return WindowsFile(self.lake, self.window, self.archive, self.chunk.number, self.fingerprint)


def extract_job(lake: Lake, archive: Archive, chunk: Chunk, window: str = DEFAULT_WINDOW) -> ExtractJob:
    """Return a chunk's job, with its fingerprint.

    Args:
        window: The part of each market that will be replayed.
    """
    decided_by = fingerprint(
        "extract",
        version=1,
        content=archive.content,
        members=[member.path for member in chunk.members],
        chunk=chunk.number,
        extracted_by=EXTRACTED_BY,
    )
    return ExtractJob(lake, archive.address, archive.name, chunk, window, decided_by)


def outputs(job: ExtractJob) -> list[Key]:
    """List the keys of a chunk's files; `catalogue/markets` is last: once written, all are."""
    number = job.chunk.number
    return [
        MARKETS.at(job.archive, number),
        CATALOGUE_RUNNERS.at(job.archive, number),
        REJECTS.at("extract", job.archive, chunk_name(number)),
        CATALOGUE_MARKETS.at(job.archive, number),
    ]


def find_extracted(job: ExtractJob) -> list[LakeFile] | None:
    """Return a chunk's files in the lake, or None if any is missing or has another fingerprint."""
    found = [job.lake.fresh(key, job.fingerprint) for key in outputs(job)]
    files = [file for file in found if file is not None]
    return files if len(files) == len(found) else None


def extract_chunk(job: ExtractJob) -> list[LakeFile]:
    """Read a chunk's members and write its files.

    Returns:
        The files, in the order of `outputs`.

    Raises:
        ArchiveError: The archive changed or broke since it was read.
        BalanceError: Some input was neither extracted nor rejected; the catalogue is then not written.
    """
    messages_at, runners_at, rejects_at, markets_at = outputs(job)
    other_copies = _OtherCopies(job)
    intake = Intake()
    catalogue: list[pa.Table] = []
    runners: list[pa.Table] = []
    rejects: list[Reject] = []
    with (
        job.lake.writer(messages_at, job.fingerprint) as writer,
        job.windows.writer() as window_writer,
    ):
        for watch.passed, (member, raw) in enumerate(read_members(job.address, job.chunk.members)):
            watch.begin(Step(f"member {member.path}", _SECONDS + member.size / _BYTES_A_SECOND))
            for found in read_markets(member.path, raw, job.chunk.number, job.window, other_copies.say, intake=intake):
                if isinstance(found, Reject):
                    rejects.append(found)
                else:
                    other_copies.taken[found.market_id] = member.path
                    writer.write(found.messages)
                    window_writer.write(found.compressed)
                    catalogue.append(found.catalogue)
                    runners.append(found.runners)
    _check_balance(job, intake, len(catalogue) + len(rejects))
    markets = _concatenated(CATALOGUE_MARKETS, catalogue)
    if writer.rows != (pc.sum(markets["messages"]).as_py() or 0):
        raise BalanceError(f"{writer.file.path}: {writer.rows} messages written, but the catalogue has another number")
    tables = (
        (runners_at, _concatenated(CATALOGUE_RUNNERS, runners), None),
        (rejects_at, as_table(rejects), None),
        (markets_at, markets, {TAKEN: str(intake.markets)}),
    )
    return [
        writer.file,
        *(job.lake.write(key, table, job.fingerprint, notes) for key, table, notes in tables),
    ]


def _check_balance(job: ExtractJob, intake: Intake, left: int) -> None:
    where, members = f"extract {job.archive}, {chunk_name(job.chunk.number)}", len(job.chunk.members)
    if intake.members != members:
        raise BalanceError(f"{where}: {intake.members} of {members} members were read")
    if intake.markets != left:
        raise BalanceError(f"{where}: {intake.markets} went in, but {left} came out or were rejected")


class _OtherCopies:
    """Finds other copies of a market: in an earlier member of this chunk, or in a market file of another chunk.

    Attributes:
        taken: By market id, the member of this chunk it was taken from.
    """

    def __init__(self, job: ExtractJob) -> None:
        self._job = job
        self._elsewhere: defaultdict[str | None, list[Member]] = defaultdict(list)
        for member in job.chunk.elsewhere:
            self._elsewhere[market_of(member.path)].append(member)
        self.taken: dict[str, str] = {}

    def say(self, market_id: str) -> str | None:
        """Say which other member a market is taken from; None if it is to be taken from the current member."""
        if market_id in self.taken:
            return f"was taken from {self.taken[market_id]}"
        copies = self._elsewhere[market_id]
        return next((f"is taken from {member.path}" for member in copies if self._is_good(member)), None)

    def _is_good(self, member: Member) -> bool:
        ((_, raw),) = read_members(self._job.address, [member])
        found = read_markets(member.path, raw, self._job.chunk.number, self._job.window)
        return any(isinstance(market, Market) for market in found)


def _concatenated(dataset: Dataset, tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables([dataset.schema.empty_table(), *tables])
