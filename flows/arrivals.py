"""Announce arriving archives by an event, on which an automation starts the backtest.

An archive is announced once unless it changes; a failed backtest is retried by `monthly` or by the user.
"""

from datetime import UTC, datetime

import pyarrow as pa
from prefect import flow

from flows.events import announce_arrival
from flows.inbox import ArchiveOutcome, InboxParameters, InboxRecord, left_alone, look_through
from flows.parameters import BacktestParameters
from tasks.archives.identity import state_of
from tasks.arrival.inbox import Candidate
from tasks.errors import ArchiveError, StageError
from tasks.lake.dataset import Key
from tasks.lake.datasets import ARRIVALS
from tasks.lake.fingerprint import digest, fingerprint

VERSION = 2


@flow(name="arrivals", flow_run_name="arrivals {parameters.inbox}", persist_result=False)
def arrivals(parameters: InboxParameters) -> InboxRecord:
    """Announce each archive in the inbox whose results are missing or stale, once.

    Args:
        parameters: The inbox, and what to backtest on each archive in it.

    Returns:
        The outcome of each archive.

    Raises:
        InputError: The profile is wrong, or the inbox is not a folder; nothing was done.
        StageError: An archive could not be announced; the others were.
    """

    def handle(archive: Candidate, asked: BacktestParameters) -> ArchiveOutcome:
        # First, because it is cheap: this flow runs often, and reading a compressed tar to its end takes long.
        decided_by = _decided_by(archive, asked)
        if archive.settled and asked.opened_lake.fresh(_key(archive), decided_by):
            return ArchiveOutcome.of(archive, "announced before")
        left = left_alone(archive, asked, parameters)
        if left:
            return left
        if not announce_arrival(archive, asked, by="automation"):
            raise StageError("Prefect did not accept the event; the next run announces it")
        _remember(archive, asked, decided_by)
        return ArchiveOutcome.of(archive, "announced")

    record = look_through(parameters, handle)
    record.raise_for({"failed"})
    return record


def _remember(archive: Candidate, asked: BacktestParameters, decided_by: str) -> None:
    row = {
        "address": archive.address,
        "bytes": archive.bytes,
        "modified": archive.modified,
        "announced_at": datetime.now(UTC),
        "parameters": asked.model_dump_json(),
    }
    table = pa.Table.from_pylist([row], ARRIVALS.schema)
    asked.opened_lake.write(_key(archive), table, decided_by)


def _key(archive: Candidate) -> Key:
    # Archives may share a name, in one inbox or in several.
    return ARRIVALS.at(f"{archive.name}-{digest([archive.address.encode()])[:8]}")


def _decided_by(archive: Candidate, asked: BacktestParameters) -> str:
    return fingerprint(
        "arrivals",
        version=VERSION,
        state=_state_of(archive),
        parameters=asked.model_dump(mode="json"),
        schema=ARRIVALS.layout,
    )


def _state_of(archive: Candidate) -> str | list[object]:
    # Size and time may be kept where another is copied in its place, but some stores say no more.
    seen = [archive.bytes, archive.modified.isoformat()]
    try:
        return state_of(archive.address) or seen
    except ArchiveError:
        # Moved since it was listed, for example: the look at whether it is whole says so.
        return seen
