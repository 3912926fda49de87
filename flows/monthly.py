"""Backtest each archive in the inbox whose results are missing or stale."""

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.backtest import backtest
from flows.events import announce_arrival
from flows.inbox import TROUBLE, ArchiveOutcome, InboxParameters, InboxRecord, left_alone, look_through
from flows.markdown import as_text
from flows.parameters import BacktestParameters
from tasks.arrival.inbox import Candidate


@flow(name="monthly", flow_run_name="monthly {parameters.inbox}", persist_result=False)
def monthly(parameters: InboxParameters) -> InboxRecord:
    """Backtest each archive in the inbox whose results are missing or stale, oldest first.

    Args:
        parameters: The inbox, and what to backtest on each archive in it.

    Returns:
        The outcome of each archive.

    Raises:
        InputError: The profile is wrong, or the inbox is not a folder; nothing was done.
        StageError: An archive is broken or its backtest failed; the others are done.
    """

    def handle(archive: Candidate, asked: BacktestParameters) -> ArchiveOutcome:
        left = left_alone(archive, asked, parameters)
        if left:
            return left
        announce_arrival(archive, asked, by="monthly")
        return ArchiveOutcome.of(archive, "done", f"done, run {backtest(asked).run}")

    record = look_through(parameters, handle)
    rows = [{name: as_text(said) for name, said in archive.model_dump().items()} for archive in record.archives]
    create_table_artifact(
        rows or [{"archive": "", "outcome": "", "sentence": "empty"}],
        key="inbox",
        description=as_text(record.sentence()),
    )
    record.raise_for(TROUBLE)
    return record
