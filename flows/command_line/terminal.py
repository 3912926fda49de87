"""The command line's output, and silencing Prefect's.

Names and values come from files and users and are printed as plain text, never as markup. Neither an output's encoding
nor a closed pipe makes a command fail that has done its work.
"""

import codecs
import io
import logging
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.errors import BacktestError, InputError
from tasks.foreign_text import visible
from tasks.progress import PROGRESS_LOG, activity

if TYPE_CHECKING:
    from flows.backtest_report import BacktestReport
    from tasks.tally import StageRecord

_PROJECT_FILE = Path(__file__).resolve().parents[2] / "pyproject.toml"

# For files and pipes, wide enough that no figure is wrapped.
_WIDTH_OF_NO_TERMINAL = 200

_MONEY = ("turnover", "gross", "commission", "net")

# Replacements for the project's own non-ASCII characters in encodings that lack them.
_PLAIN = {"−": "-", "–": "-", "…": "...", "×": "x", "±": "+/-", "→": "->"}


class _Output(Console):
    """A console that tolerates a closed pipe, as in `backtest show | head -1`."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDTH_OF_NO_TERMINAL

    def on_broken_pipe(self) -> None:
        """Discard the rest."""
        self.quiet = True
        _read_no_more(self.file)


class _Line(logging.Formatter):
    """Formats a log record as one line, with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def use_any_encoding() -> None:
    r"""Replace characters that the output's encoding lacks by ASCII, or by an escape such as `\u2212`."""
    codecs.register_error("plain", _written_plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _written_plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign) or sign.encode("unicode_escape").decode() for sign in signs), error.end


def say(text: str, *, is_error: bool = False) -> None:
    """Print one line as plain text, without markup and with control characters escaped."""
    _Output(stderr=is_error).print(Text(visible(text)), soft_wrap=True)


def say_error(error: BacktestError) -> int:
    """Print an error and return the exit status: 2 if the input is wrong, else 1."""
    first, *others = str(error).split("\n")
    say(f"error: {first}", is_error=True)
    for line in others:
        say(f"  {line}", is_error=True)
    return 2 if isinstance(error, InputError) else 1


def hand_over(text: str) -> None:
    """Write CSV or JSON to stdout unchanged, in UTF-8 whatever the terminal's encoding."""
    if sys.stdout is None:  # closed by the caller
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _read_no_more(sys.stdout)


def _read_no_more(stream: IO[str]) -> None:
    # Otherwise Python flushes the rest on exit and reports the failure.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def use_prefect_quietly(*, quiet: bool = False) -> None:
    """Set up Prefect before its first import: with the project's settings, from whichever folder the command is run.

    Only this project's log reaches the terminal, as JSON if Prefect's own setting requests it
    (`PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER=json`); the UI gets the whole log.

    Args:
        quiet: Let only warnings and errors of it reach the terminal.
    """
    for name, value in _project_settings():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    _spare_proxies_this_machine()
    handler = logging.StreamHandler()
    if os.environ.get("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER") == "json":
        from prefect.logging.formatters import JsonFormatter  # noqa: PLC0415 - its settings are set above

        handler.setFormatter(JsonFormatter("default", "", "%"))
    else:
        handler.setFormatter(_Line())
    handler.setLevel(logging.WARNING if quiet else logging.INFO)
    handler.addFilter(lambda record: record.name != PROGRESS_LOG or activity.display is None)
    logging.getLogger("backtest").addHandler(handler)


def _spare_proxies_this_machine() -> None:
    """Bypass proxies for this machine, mainly for Prefect's server."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return  # setting a variable would override the system's own proxy settings
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host for host in spared.replace(" ", "").split(",") if host]
    if "*" not in hosts:
        hosts += [host for host in ("127.0.0.1", "localhost") if host not in hosts]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(hosts)


def _project_settings() -> Iterator[tuple[str, str]]:
    if not _PROJECT_FILE.exists():
        return
    settings = tomllib.loads(_PROJECT_FILE.read_text("utf-8"))["tool"]["prefect"]
    settings["home"] = str(_PROJECT_FILE.parent / settings["home"])
    yield from _variables("PREFECT", settings)


def _variables(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in settings.items():
        name = f"{prefix}_{key.upper()}"
        if isinstance(value, dict):
            yield from _variables(name, value)
        else:
            yield name, str(value)


def print_report(report: "BacktestReport", *, quiet: bool = False) -> None:
    """Print a run's stages, unless quiet, and its figures, conclusions and notices."""
    console = _Output()
    if report.stages and not quiet:
        console.print(_stages_table(report.stages))
    console.print(_figures_table(report))
    for variant in report.variants:
        if differing := _differing(variant, report.variants):
            say(f"{variant['strategy']}: {differing}")
    for row in report.statistics:
        say(f"{row['strategy']}: {row['verdict']}")
    together = [report.account["verdict"]] if report.account else []
    for sentence in (*together, *report.out_of_sample):
        say(sentence)
    for sentence in report.notices:
        say(f"note: {sentence}")
    say(f"Written to {report.lake}: results/*/run={report.run}")
    if report.page:
        say(f"Report: {report.page}")


def _figures_table(report: "BacktestReport") -> Table:
    table = Table(
        title=Text(f"Run {visible(report.run)}"),
        title_justify="left",
        box=SIMPLE,
        padding=(0, 0, 0, 1),
        show_edge=False,
        pad_edge=False,
    )
    # Wrap names, never figures.
    table.add_column("variant", overflow="fold")
    for heading in ("replayed", "bets", "turnover", "gross", "commission", "net", "ROI on\nstake", "ROI on\nliability"):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in report.variants:
        table.add_row(*_cells(variant))
    if report.account:
        table.add_section()
        table.add_row(*_cells(report.account))
    return table


def _cells(row: Mapping[str, Any]) -> Iterator[str | Text]:
    yield Text(visible(row["strategy"]))
    yield from (str(row[column]) for column in ("replayed", "bets"))
    yield from (f"{row[column]:,.2f}" for column in _MONEY)
    yield from ("–" if row[ratio] is None else f"{row[ratio]:.1%}" for ratio in ("roi", "roi_on_liability"))


def _differing(variant: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> str:
    """List the parameters in which a variant differs from others of its strategy."""
    own = variant["parameters"]
    others = [other["parameters"] for other in variants if other["name"] == variant["name"]]
    return ", ".join(f"{key}={own[key]}" for key in own if any(other.get(key) != own[key] for other in others))


def print_table(table: Table) -> None:
    """Print a table."""
    _Output().print(table)


def print_stage(record: "StageRecord", *, quiet: bool = False) -> None:
    """Print a stage's record, unless quiet."""
    if not quiet:
        print_table(_stages_table({"stage": record}))


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
    """Print the available strategies with their parameters and defaults."""
    # Imported here because flumine takes a second.
    from strategies import STRATEGIES  # noqa: PLC0415
    from tasks.variants.strategy_class import summary_of  # noqa: PLC0415

    for name, strategy in STRATEGIES.items():
        say(f"{name}: {summary_of(strategy)}")
        for key, field in strategy.Parameters.model_fields.items():
            say(f"    {key}={field.default}  {field.description}")
