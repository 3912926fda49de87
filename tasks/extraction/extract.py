"""One chunk of an archive into the lake: its messages, its part of the catalogue, its rejects.

Runs in worker processes. How members are read and understood is in the modules beside this one.
"""

from collections import defaultdict
from collections.abc import Iterable
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
from tasks.windows.files import WindowsFile, types_of
from tasks.windows.window import DEFAULT_WINDOW

# Hundreds of times what a member takes.
_SECONDS, _BYTES_A_SECOND = 60.0, 100_000

TAKEN = "taken"
"""Under which the notes of a chunk's catalogue have how much went in: what came out and what was rejected, together."""


@dataclass(frozen=True)
class ExtractJob:
    """What a worker needs to know to extract one chunk.

    Attributes:
        lake: Where the output goes.
        address: The archive.
        archive: Its name in the lake.
        chunk: The members.
        window: What is compressed while the messages are at hand; it decides nothing of the output but `windows`.
        market_types: The types that are compressed, as in `WindowsFile`.
        fingerprint: What decides the output.
    """

    lake: Lake
    address: str
    archive: str
    chunk: Chunk
    window: str
    market_types: tuple[str, ...]
    fingerprint: str

    @property
    def windows(self) -> WindowsFile:
        """The chunk's compressed windows."""
        return WindowsFile(self.lake, self.window, self.archive, self.chunk.number, self.fingerprint, self.market_types)


def extract_job(
    lake: Lake, archive: Archive, chunk: Chunk, window: str = DEFAULT_WINDOW, market_types: Iterable[str] = ()
) -> ExtractJob:
    """Return what is to be done for a chunk, and what decides it.

    Args:
        lake: Where the output goes.
        chunk: The members.
        window: The part of each market that will be replayed.
        market_types: The types that will be replayed; none means all.

    Returns:
        The job.
    """
    decided_by = fingerprint(
        "extract",
        version=1,
        content=archive.content,
        members=[member.path for member in chunk.members],
        chunk=chunk.number,
        extracted_by=EXTRACTED_BY,
    )
    return ExtractJob(lake, archive.address, archive.name, chunk, window, types_of(market_types), decided_by)


def outputs(job: ExtractJob) -> list[Key]:
    """List the files of a chunk, the catalogue's last: once that one is there, all are.

    Args:
        job: The chunk's job.

    Returns:
        Their keys.
    """
    number = job.chunk.number
    return [
        MARKETS.at(job.archive, number),
        CATALOGUE_RUNNERS.at(job.archive, number),
        REJECTS.at("extract", job.archive, chunk_name(number)),
        CATALOGUE_MARKETS.at(job.archive, number),
    ]


def find_extracted(job: ExtractJob) -> list[LakeFile] | None:
    """Find a chunk's files in the lake.

    Args:
        job: The chunk's job.

    Returns:
        The files, or None where any is missing or was decided by something else.
    """
    found = [job.lake.fresh(key, job.fingerprint) for key in outputs(job)]
    files = [file for file in found if file is not None]
    return files if len(files) == len(found) else None


def extract_chunk(job: ExtractJob) -> list[LakeFile]:
    """Read a chunk's members and write its files.

    Args:
        job: What to do.

    Returns:
        The files, in the order of `outputs`.

    Raises:
        ArchiveError: The archive changed or broke since it was read.
        BalanceError: Not all that went in came out or was rejected; the catalogue is not written then.
    """
    messages_at, runners_at, rejects_at, markets_at = outputs(job)
    other_copies = _OtherCopies(job)
    intake = Intake()
    catalogue: list[pa.Table] = []
    runners: list[pa.Table] = []
    rejects: list[Reject] = []
    windows = job.windows
    with (
        job.lake.writer(messages_at, job.fingerprint) as writer,
        windows.writer() as window_writer,
    ):
        for member, raw in read_members(job.address, job.chunk.members):
            watch.begin(Step(f"member {member.path}", _SECONDS + member.size / _BYTES_A_SECOND))
            for found in read_markets(member.path, raw, job.chunk.number, windows, other_copies.say, intake=intake):
                if isinstance(found, Reject):
                    rejects.append(found)
                else:
                    other_copies.taken[found.market_id] = member.path
                    writer.write(found.messages)
                    if found.compressed is not None:
                        window_writer.write(found.compressed)
                    catalogue.append(found.catalogue)
                    runners.append(found.runners)
    _check_balance(job, intake, len(catalogue) + len(rejects))
    markets = _concatenated(CATALOGUE_MARKETS, catalogue)
    if writer.rows != (pc.sum(markets["messages"]).as_py() or 0):
        raise BalanceError(f"{writer.file.path}: {writer.rows} messages written, the catalogue counts otherwise")
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
    """Knows where else a market is: in a member of this chunk that was read before, or in one of another chunk.

    Attributes:
        taken: Market ids and the members of this chunk they were taken from.
    """

    def __init__(self, job: ExtractJob) -> None:
        self._job = job
        self._elsewhere: defaultdict[str | None, list[Member]] = defaultdict(list)
        for member in job.chunk.elsewhere:
            self._elsewhere[market_of(member.path)].append(member)
        self.taken: dict[str, str] = {}

    def say(self, market_id: str) -> str | None:
        """Return where a market is taken from, if it is.

        Args:
            market_id: The market.

        Returns:
            The end of a sentence; None where it has to be taken from the member at hand.
        """
        if market_id in self.taken:
            return f"was taken from {self.taken[market_id]}"
        copies = self._elsewhere[market_id]
        return next((f"is taken from {member.path}" for member in copies if self._is_good(member)), None)

    def _is_good(self, member: Member) -> bool:
        ((_, raw),) = read_members(self._job.address, [member])
        found = read_markets(member.path, raw, self._job.chunk.number, self._job.windows)
        return any(isinstance(market, Market) for market in found)


def _concatenated(dataset: Dataset, tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables([dataset.schema.empty_table(), *tables])
