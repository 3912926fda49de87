"""Runs as the lake knows them: what was asked, of what it was made, and what came of it.

A run is written down when its replay is planned, as *asked*, and again when its results and its page are there, as
*done*: one that failed or was killed stays *asked*. Runs are in the order of a number, as clocks are set back and
copied files have new times.
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
        name: What the lake calls it.
        content: Digest of all its members' stored bytes.
        address: Where it was, without what may be secret.
    """

    name: str
    content: str
    address: str


class RunRatings(NamedTuple):
    """The ratings of a run.

    Attributes:
        name: What the lake calls them.
        content: What decides them: a file's digest, a service's address.
        days: Values of the partition `date` that were read.
    """

    name: str
    content: str
    days: tuple[str, ...]


class RunRecord(BaseModel):
    """A run.

    Attributes:
        run: Its id: `results/…/run=<id>`.
        command: The command line that makes it again.
        parameters: All that was asked, as JSON.
        archives: In the order in which they were asked for.
        ratings: None where none were asked for.
        rejects: Where what was left out of it is.
        versions: What it was made by: this project, flumine, betfairlightweight, Python.
        asked_at: When it was asked, UTC.
        asked_by: The deployment, or the program.
        number: Its place in the order in which runs were asked of this lake, from 1.
        state: `done` once its results and its page are there.
        done_at: When it was done, UTC.
        results: Digest of the results, as `made_of` gives it.
        verdict: What may be concluded of the best variant, or of the account, in a sentence.
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
        """What was asked and of what it is made, whenever that was and whatever came of it."""
        return self.model_dump(include={"command", "parameters", "archives", "ratings", "rejects", "versions"})


_AS_JSON = ("parameters", "archives", "ratings", "rejects", "versions", "settings")


def note_asked(lake: Lake, record: RunRecord) -> RunRecord:
    """Write down that a run is asked for now, after all others; one that was the last, and the same, is so already.

    Args:
        lake: The lake, on which no other run of this machine works meanwhile.
        record: The run.

    Returns:
        What the lake says of it.
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
    """Write down what came of a run.

    Args:
        record: The run, as it was noted.
        results: Digest of its results.
        verdict: The sentence.
        at: The time, UTC.
    """
    _write(lake, record.model_copy(update={"state": "done", "results": results, "verdict": verdict, "done_at": at}))


def read_run(lake: Lake, run: str) -> RunRecord | None:
    """Read what the lake says of a run.

    Args:
        run: Its id.

    Returns:
        The run; None where nothing was written down, or an earlier version did.
    """
    for key in reversed(lake.keys(RUNS.of(run))):
        if lake.fresh(key, _fingerprint(int(key.name))):
            (row,) = lake.read(key).to_pylist()
            return _record(run, row)
    return None


def latest_run(lake: Lake) -> str | None:
    """Find the run that was asked for last, of those that have results.

    Returns:
        Its id, or None where there is none. Of those of which nothing is noted, or that two machines asked for at once,
        the one that was written last.
    """
    numbers = _numbers(lake)
    runs = lake.values(RESULTS_SUMMARY)
    for number in sorted({numbers.get(run, 0) for run in runs}, reverse=True):
        if found := lake.newest(RESULTS_SUMMARY.at(run) for run in runs if numbers.get(run, 0) == number):
            return found.folder.partition[0]
    return None


def _numbers(lake: Lake) -> dict[str, int]:
    """Read the numbers from the files' names: one listing, however many runs there are."""
    return {key.folder.partition[0]: int(key.name) for key in lake.all_keys(RUNS)}  # in order: the last one counts


def _write(lake: Lake, record: RunRecord) -> None:
    row = record.model_dump(exclude={"run"})
    row |= {"asked": row.pop("number"), "session": record.parameters["session"]}
    row["settings"] = record.parameters["simulation"]
    row |= {column: json.dumps(row[column]) for column in _AS_JSON}
    table = pa.Table.from_pylist([row], RUNS.schema)
    lake.write(RUNS.at(record.run, record.number), table, _fingerprint(record.number))


def _record(run: str, row: Mapping[str, Any]) -> RunRecord:
    read = {**row, **{column: json.loads(row[column]) for column in _AS_JSON}}
    fields = {name: read[name] for name in RunRecord.model_fields if name in read}
    return RunRecord(run=run, number=row["asked"], **fields)


def _fingerprint(number: int) -> str:
    return fingerprint("runs", version=2, asked=number, schema=RUNS.layout)
