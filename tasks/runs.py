"""Records of runs in the lake: the request, its inputs, and the outcome.

A run is recorded as *asked* when its replay is planned, and as *done* when its results and page are written; one that
failed or was killed stays *asked*. Runs are ordered by number, because clocks can be set back and copied files have new
times.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tasks.lake.datasets import RESULTS_SUMMARY, RUNS
from tasks.lake.fingerprint import fingerprint
from tasks.lake.store import Lake
from tasks.rejects import RejectSource


class RunArchive(NamedTuple):
    """An archive of a run.

    Attributes:
        name: Its name in the lake.
        content: Digest of its members' paths and bytes.
        address: Its address, without secrets.
    """

    name: str
    content: str
    address: str


class RunRatings(NamedTuple):
    """The ratings of a run.

    Attributes:
        name: Their name in the lake.
        content: What identifies them: a file's digest, a service's address.
        days: Values of the partition `date` that were read.
    """

    name: str
    content: str
    days: tuple[str, ...]


class RunRecord(BaseModel):
    """A run.

    Attributes:
        run: Its id: `results/…/run=<id>`.
        command: The command line that repeats it.
        parameters: All parameters, as JSON.
        archives: In the order given.
        ratings: None without ratings.
        rejects: Its files of rejects.
        versions: Of this project, flumine, betfairlightweight and Python.
        asked_at: When it was requested, UTC.
        asked_by: The deployment, or the program.
        number: The number of the request in this lake, from 1.
        state: `done` once its results and its page are written.
        done_at: When it was done, UTC.
        results: Digest of the results, as `made_of` gives it.
        verdict: What may be concluded about the best variant, or about the account, in a sentence.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    command: str
    parameters: dict[str, Any]
    archives: tuple[RunArchive, ...]
    ratings: RunRatings | None
    rejects: tuple[RejectSource, ...]
    versions: dict[str, str]
    asked_at: datetime
    asked_by: str
    number: int = 0
    state: Literal["asked", "done"] = "asked"
    done_at: datetime | None = None
    results: str | None = None
    verdict: str | None = None

    @property
    def currency(self) -> str:
        """The account's, ISO 4217."""
        return str(self.parameters["currency"])

    @property
    def request(self) -> dict[str, Any]:
        """The request and its inputs, without times and outcome."""
        return self.model_dump(include={"command", "parameters", "archives", "ratings", "rejects", "versions"})


_AS_JSON = ("parameters", "archives", "ratings", "rejects", "versions", "settings")


def note_asked(lake: Lake, record: RunRecord) -> RunRecord:
    """Record a request of a run as the latest, unless the latest record already equals it.

    Args:
        lake: The lake; the caller holds its lock.
        record: The run.

    Returns:
        The record in the lake.
    """
    numbers = _numbers(lake)
    last = max(numbers.values(), default=0)
    is_last = last > 0 and [run for run, number in numbers.items() if number == last] == [record.run]
    known = read_run(lake, record.run) if is_last else None
    if known and known.request == record.request:
        return known
    noted = record.model_copy(update={"number": last if is_last else last + 1})
    _write(lake, noted)
    before = numbers.get(record.run)
    if before and before != noted.number:
        lake.delete(RUNS.at(record.run, before))
    return noted


def note_done(lake: Lake, record: RunRecord, results: str, verdict: str, at: datetime) -> None:
    """Record a run as done.

    Args:
        lake: The lake.
        record: The run, as returned by `note_asked`.
        results: Digest of its results.
        verdict: The conclusion, in a sentence.
        at: The time, UTC.
    """
    _write(lake, record.model_copy(update={"state": "done", "results": results, "verdict": verdict, "done_at": at}))


def read_run(lake: Lake, run: str) -> RunRecord | None:
    """Return a run's record; None if there is none, or only one of another run or by an earlier version."""
    for key in reversed(lake.keys(RUNS.of(run))):
        if lake.fresh(key, _fingerprint(run, int(key.name))):
            (row,) = lake.read(key).to_pylist()
            return _record(run, row)
    return None


def latest_run(lake: Lake) -> str | None:
    """Return the id of the last requested run that has results, or None.

    Runs without a record, or with the same number from two machines, are ordered by when their results were written.
    """
    numbers = _numbers(lake)
    runs = lake.values(RESULTS_SUMMARY)
    for number in sorted({numbers.get(run, 0) for run in runs}, reverse=True):
        if found := lake.newest(RESULTS_SUMMARY.at(run) for run in runs if numbers.get(run, 0) == number):
            return found.folder.partition[0]
    return None


def _numbers(lake: Lake) -> dict[str, int]:
    """Return each run's latest number, from the files' names: a single listing for all runs."""
    return {key.folder.partition[0]: int(key.name) for key in lake.all_keys(RUNS)}  # sorted, so the latest wins


def _write(lake: Lake, record: RunRecord) -> None:
    row = record.model_dump(exclude={"run"})
    row |= {"asked": row.pop("number"), "session": record.parameters["session"]}
    row["settings"] = record.parameters["simulation"]
    row |= {column: json.dumps(row[column]) for column in _AS_JSON}
    table = pa.Table.from_pylist([row], RUNS.schema)
    lake.write(RUNS.at(record.run, record.number), table, _fingerprint(record.run, record.number))


def _record(run: str, row: Mapping[str, Any]) -> RunRecord:
    read = {**row, **{column: json.loads(row[column]) for column in _AS_JSON}}
    fields = {name: read[name] for name in RunRecord.model_fields if name in read}
    return RunRecord(run=run, number=row["asked"], **fields)


def _fingerprint(run: str, number: int) -> str:
    return fingerprint("runs", version=3, run=run, asked=number, schema=RUNS.layout)
