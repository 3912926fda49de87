"""One chunk of an archive into the lake: its messages, its part of the catalogue, its rejects.

Runs in worker processes. How members are read and understood is in the modules beside this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tasks.errors import BalanceError
from tasks.extraction.archive import Archive, read_members
from tasks.extraction.catalogue import Entry, MarketHistory, Row
from tasks.extraction.chunks import Chunk, market_of
from tasks.extraction.messages import BadMemberError, read_messages
from tasks.lake.datasets import CATALOGUE_MARKETS, CATALOGUE_RUNNERS, MARKETS, REJECTS, Dataset
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake, LakeFile
from tasks.rejects import Reject, as_table

VERSION = 1

_TWICE = "market twice"


@dataclass(frozen=True)
class ExtractJob:
    """What a worker needs to know to extract one chunk.

    Attributes:
        lake: Where the output goes.
        address: The archive.
        archive: Its name in the lake.
        chunk: The members.
        fingerprint: What decides the output.
    """

    lake: Lake
    address: str
    archive: str
    chunk: Chunk
    fingerprint: str


def chunk_name(number: int) -> str:
    """Name a chunk's files in datasets that are not partitioned by chunk.

    Args:
        number: From 1.

    Returns:
        `chunk-0001`, so that names sort as numbers do.
    """
    return f"chunk-{number:04d}"


def extract_job(lake: Lake, archive: Archive, chunk: Chunk) -> ExtractJob:
    """Say what is to be done for a chunk, and what decides it.

    Args:
        lake: Where the output goes.
        archive: The archive's index.
        chunk: The members.

    Returns:
        The job.
    """
    decided_by = fingerprint(
        "extract",
        version=VERSION,
        archive=archive.name,
        content=archive.content,
        members=[member.path for member in chunk.members],
        chunk=chunk.number,
        schema=[
            dataset.schema.to_string(show_field_metadata=False)
            for dataset in (MARKETS, CATALOGUE_MARKETS, CATALOGUE_RUNNERS)
        ],
    )
    return ExtractJob(lake, archive.address, archive.name, chunk, decided_by)


def outputs(job: ExtractJob) -> list[tuple[Dataset, dict[str, object], str]]:
    """List the files of a chunk, the catalogue's last: once that one is there, all are.

    Args:
        job: The chunk's job.

    Returns:
        Dataset, partition and name of each.
    """
    name = chunk_name(job.chunk.number)
    return [
        (MARKETS, {"archive": job.archive, "chunk": job.chunk.number}, "data"),
        (CATALOGUE_RUNNERS, {"archive": job.archive}, name),
        (REJECTS, {"stage": "extract", "source": job.archive}, name),
        (CATALOGUE_MARKETS, {"archive": job.archive}, name),
    ]


def find_extracted(job: ExtractJob) -> list[LakeFile] | None:
    """Find a chunk's files in the lake.

    Args:
        job: The chunk's job.

    Returns:
        The files, or None where any is missing or was decided by something else.
    """
    found = [job.lake.fresh(dataset, partition, job.fingerprint, name) for dataset, partition, name in outputs(job)]
    files = [file for file in found if file is not None]
    return files if len(files) == len(found) else None


def extract_chunk(job: ExtractJob) -> list[LakeFile]:
    """Read a chunk's members and write its files.

    Args:
        job: What to do.

    Returns:
        The files, in the order of `outputs`.

    Raises:
        ArchiveError: The archive changed or broke since it was listed.
    """
    markets: list[Row] = []
    runners: list[Row] = []
    rejects: list[Reject] = []
    (messages_at, runners_at, rejects_at, markets_at) = outputs(job)
    with job.lake.writer(*messages_at[:2], job.fingerprint, messages_at[2]) as writer:
        homes: dict[str, str] = {}
        for member, raw in read_members(job.address, job.chunk.members):
            for found in _read_member(member.path, raw, homes, job.chunk.elsewhere):
                if isinstance(found, Reject):
                    rejects.append(found)
                    continue
                entry, history = found
                homes[history.market_id] = member.path
                writer.write(_message_table(history))
                markets.append({**entry.market, "member": member.path, "chunk": job.chunk.number})
                runners.extend(entry.runners)
    if writer.rows != sum(market["messages"] for market in markets):
        raise BalanceError(f"{writer.file.path}: {writer.rows} messages written, the catalogue counts otherwise")
    tables = (
        (runners_at, pa.Table.from_pylist(runners, CATALOGUE_RUNNERS.schema)),
        (rejects_at, as_table(rejects)),
        (markets_at, pa.Table.from_pylist(markets, CATALOGUE_MARKETS.schema)),
    )
    return [
        writer.file,
        *(job.lake.write(dataset, at, table, job.fingerprint, name) for (dataset, at, name), table in tables),
    ]


def _read_member(
    path: str, raw: bytes, homes: dict[str, str], elsewhere: frozenset[str]
) -> Iterator[tuple[Entry, MarketHistory] | Reject]:
    """Give each market of a member, or the reason why not; the two together are all that is in it."""
    histories: dict[str, MarketHistory] = {}
    try:
        for message in read_messages(raw):
            history = histories.get(message.market_id)
            if history is None:
                history = histories[message.market_id] = MarketHistory(message.market_id)
            history.add(message)
    except BadMemberError as bad:
        yield Reject(path, bad.reason, bad.detail)
        return
    if not histories:
        yield Reject(path, "no market in it", "no line has a market change (`mc`)")
    named = market_of(path)
    for market_id, history in histories.items():
        if named and market_id != named:
            yield Reject(path, "another market than its name says", f"it holds {market_id}")
        elif market_id in homes:
            yield Reject(path, _TWICE, f"{market_id} was taken from {homes[market_id]}")
        elif market_id in elsewhere:
            yield Reject(path, _TWICE, f"{market_id} has a file of its own")
        else:
            try:
                yield history.describe(), history
            except BadMemberError as bad:
                yield Reject(path, bad.reason, bad.detail)


def _message_table(history: MarketHistory) -> pa.Table:
    return pa.table(
        [
            pa.array([history.market_id] * len(history.messages), pa.string()),
            pa.array(history.publish_times, pa.int64()),
            pa.array(history.messages, pa.string()),
        ],
        schema=MARKETS.schema,
    )
