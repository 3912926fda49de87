"""What the command line prints, and how quiet Prefect is meanwhile."""

import logging
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from flows.report import BacktestReport
    from tasks.caching import StageRecord

_PROJECT_FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"

_MONEY = ("turnover", "gross", "commission", "net")


def use_prefect_quietly() -> None:
    """Settle Prefect's settings, before its first import: the project's own, whichever folder the command is run from.

    Of what is logged only this project's sentences reach the terminal, as JSON where Prefect's own setting asks for it
    (`PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER=json`); all of it reaches the UI.
    """
    for name, value in _project_settings():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    _spare_proxies_this_machine()
    handler = logging.StreamHandler()
    if os.environ.get("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER") == "json":
        from prefect.logging.formatters import JsonFormatter  # noqa: PLC0415 - its settings are settled above

        handler.setFormatter(JsonFormatter("default", "", "%"))
    logging.getLogger("backtest").addHandler(handler)


def _spare_proxies_this_machine() -> None:
    """Never ask a proxy for what is on this machine, Prefect's server above all."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return  # and leave it to the system's own settings, which a variable would hide
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in spared.replace(" ", "").split(",") if host]
    if "*" not in hosts:
        hosts += [host for host in ("127.0.0.1", "localhost") if host not in hosts]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(hosts)


def _project_settings() -> Iterator[tuple[str, str]]:
    if not _PROJECT_FILE.exists():
        return
    settings = tomllib.loads(_PROJECT_FILE.read_text())["tool"]["prefect"]
    settings["home"] = str(_PROJECT_FILE.parent / settings["home"])
    yield from _variables("PREFECT", settings)


def _variables(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        name = f"{prefix}_{key.upper()}"
        if isinstance(value, dict):
            yield from _variables(name, value)
        else:
            yield name, str(value)


def print_report(report: "BacktestReport") -> None:
    """Print what a run did and found.

    Args:
        report: The run's.
    """
    console = Console()
    if report.stages:
        console.print(_stages_table(report.stages))
    table = Table(
        title=f"Run {report.run}",
        title_justify="left",
        box=SIMPLE,
        padding=(0, 0, 0, 1),
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("variant", no_wrap=True)
    for heading in ("bets", "turnover", "gross", "commission", "net", "ROI"):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in report.variants:
        roi = f"{variant['roi']:.1%}" if variant["roi"] is not None else "–"
        money = (f"{variant[column]:,.2f}" for column in _MONEY)
        table.add_row(variant["strategy"], str(variant["bets"]), *money, roi)
    console.print(table)
    for variant in report.variants:
        if differing := _differing(variant, report.variants):
            console.print(f"{variant['strategy']}: {differing}", highlight=False, soft_wrap=True)
    for row in report.statistics:
        console.print(f"{row['strategy']}: {row['verdict']}", highlight=False, soft_wrap=True)
    for sentence in report.out_of_sample:
        console.print(sentence, highlight=False, soft_wrap=True)
    for sentence in report.notices:
        console.print(f"note: {sentence}", highlight=False, soft_wrap=True)
    console.print(f"Written to {report.lake}: results/*/run={report.run}", soft_wrap=True)
    if report.page:
        console.print(f"Report: {report.page}", soft_wrap=True)


def _differing(variant: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> str:
    """Tell a variant from others of its strategy by the parameters in which they differ."""
    own = variant["parameters"]
    others = [other["parameters"] for other in variants if other["name"] == variant["name"]]
    return ", ".join(f"{key}={own[key]}" for key in own if any(other.get(key) != own[key] for other in others))


def print_stage(record: "StageRecord") -> None:
    """Print what a stage did.

    Args:
        record: The stage's.
    """
    Console().print(_stages_table({"stage": record}))


def _stages_table(stages: "Mapping[str, StageRecord]") -> Table:
    table = Table(box=SIMPLE, padding=(0, 0, 0, 1), show_edge=False, pad_edge=False)
    table.add_column("stage")
    for heading in ("in", "out", "rejected", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name, record in stages.items():
        counts = (record.taken, record.out, record.rejected)
        table.add_row(name, *map(str, counts), f"{record.seconds:.1f}", "Cached" if record.cached else "done")
    return table


def print_strategies() -> None:
    """Print the strategies there are, with parameters and defaults."""
    # Flumine takes a second to import.
    from strategies import STRATEGIES  # noqa: PLC0415
    from tasks.simulation.strategy_class import summary_of  # noqa: PLC0415

    console = Console()
    for name, strategy in STRATEGIES.items():
        console.print(f"[bold]{name}[/bold]: {summary_of(strategy)}")
        for key, field in strategy.Parameters.model_fields.items():
            console.print(f"    {key}={field.default}  {field.description}", highlight=False)
