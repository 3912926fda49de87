"""What happens outside, or is of use outside: events on which Prefect's automations can act.

An event that cannot be emitted costs no work: Prefect logs it, and the flow goes on.
"""

from collections.abc import Sequence
from typing import Literal

from prefect.events import emit_event

from flows.backtest_report import BacktestReport
from flows.parameters import BacktestParameters
from tasks.addresses import shown_within
from tasks.archives.archive import archive_name
from tasks.arrival.inbox import Candidate
from tasks.errors import BacktestError

ARRIVED = "betfair.archive.arrived"
COMPLETED = "backtest.completed"
FAILED = "backtest.failed"

# Prefect takes 100, and adds the flow, its run, their deployment and tags by itself.
_RELATED_LIMIT = 50

_BACKTEST = {"prefect.resource.id": "betfair.backtest", "prefect.resource.name": "backtest"}


def announce_arrival(archive: Candidate, parameters: BacktestParameters, by: Literal["automation", "monthly"]) -> bool:
    """Say that an archive is there and whole, and which backtest is wanted of it.

    Args:
        parameters: What ought to be run; an automation can hand it to the deployment of `backtest` as it is.
        by: Who runs it: an automation that waits for this event, or the flow `monthly`, which runs it itself.

    Returns:
        Whether the event was emitted.
    """
    event = emit_event(
        ARRIVED,
        resource={**_archive(archive.address), "betfair.archive.address": archive.address, "backtest.by": by},
        payload={
            "address": archive.address,
            "archive": archive.name,
            "bytes": archive.bytes,
            "parameters": parameters.model_dump(mode="json"),
        },
    )
    return event is not None


def announce_completed(report: BacktestReport, archives: Sequence[str]) -> None:
    """Say that a backtest is done, and what each variant made.

    Args:
        report: What it found.
        archives: Their addresses.
    """
    net = {variant["strategy"]: variant["net"] for variant in report.variants}
    payload = {"run": report.run, "lake": report.lake, "archives": list(archives), "net": net}
    emit_event(COMPLETED, resource=_BACKTEST, related=_related(archives), payload=payload)


def announce_failed(error: Exception, archives: Sequence[str]) -> None:
    """Say that a backtest failed.

    Args:
        error: Why.
        archives: Their addresses.
    """
    payload = {"archives": list(archives), "error": one_line(error)}
    emit_event(FAILED, resource=_BACKTEST, related=_related(archives), payload=payload)


def one_line(error: Exception) -> str:
    """Describe in one line what an exception is about.

    Args:
        error: The exception.

    Returns:
        What this project says of it; of another's exception its kind, too. A traceback within is left out.
    """
    said = str(error) if isinstance(error, BacktestError) else shown_within(f"{type(error).__name__}: {error}")
    return said.partition("\n")[0]


def _archive(address: str) -> dict[str, str]:
    name = archive_name(address)
    return {"prefect.resource.id": f"betfair.archive.{name}", "prefect.resource.name": name}


def _related(archives: Sequence[str]) -> list[dict[str, str]]:
    return [{**_archive(address), "prefect.resource.role": "archive"} for address in archives[:_RELATED_LIMIT]]
