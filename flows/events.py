"""Events for Prefect's automations.

If an event cannot be emitted, Prefect logs it and the flow continues.
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

# Prefect's limit is 100, including the flow, its run, their deployment and tags, which it adds itself.
_RELATED_LIMIT = 50

_BACKTEST = {"prefect.resource.id": "betfair.backtest", "prefect.resource.name": "backtest"}


def announce_arrival(archive: Candidate, parameters: BacktestParameters, by: Literal["automation", "monthly"]) -> bool:
    """Emit the event that a complete archive has arrived, with the backtest to run on it.

    Args:
        archive: The archive.
        parameters: The backtest's; an automation can pass them to the deployment of `backtest` unchanged.
        by: Who runs it: an automation on this event, or the flow `monthly` itself.

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
    """Emit the event that a backtest is done, with each variant's net profit."""
    net = {variant["strategy"]: variant["net"] for variant in report.variants}
    payload = {"run": report.run, "lake": report.lake, "archives": list(archives), "net": net}
    emit_event(COMPLETED, resource=_BACKTEST, related=_related(archives), payload=payload)


def announce_failed(error: Exception, archives: Sequence[str]) -> None:
    """Emit the event that a backtest failed."""
    payload = {"archives": list(archives), "error": one_line(error)}
    emit_event(FAILED, resource=_BACKTEST, related=_related(archives), payload=payload)


def one_line(error: Exception) -> str:
    """Return the first line of an exception's message, with its type unless it is one of this project's."""
    said = str(error) if isinstance(error, BacktestError) else shown_within(f"{type(error).__name__}: {error}")
    return said.partition("\n")[0]


def _archive(address: str) -> dict[str, str]:
    name = archive_name(address)
    return {"prefect.resource.id": f"betfair.archive.{name}", "prefect.resource.name": name}


def _related(archives: Sequence[str]) -> list[dict[str, str]]:
    return [{**_archive(address), "prefect.resource.role": "archive"} for address in archives[:_RELATED_LIMIT]]
