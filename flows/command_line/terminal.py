"""What the command line prints, and how quiet Prefect is meanwhile.

Names and values are a file's or a user's: whatever they are, they are printed as text. Where that goes to has an
encoding of its own, and may be closed before it was read to its end; neither ends a command that has done its work.
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

from tasks.foreign_text import visible

if TYPE_CHECKING:
    from flows.backtest_report import BacktestReport
    from tasks.tally import StageRecord

_PROJECT_FILE = Path(__file__).resolve().parents[2] / "pyproject.toml"

# A file or a pipe has no edge at which a figure would have to be cut.
_WIDTH_OF_NO_TERMINAL = 200

_MONEY = ("turnover", "gross", "commission", "net")

# What this project's own sentences have that other encodings lack.
_PLAIN = {"−": "-", "–": "-", "…": "...", "×": "x", "±": "+/-", "→": "->"}


class _Output(Console):
    """A console that is content where nobody reads any more, as in `backtest show | head -1`."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDTH_OF_NO_TERMINAL

    def on_broken_pipe(self) -> None:
        """Say the rest to nobody."""
        self.quiet = True
        _read_no_more(self.file)


class _Line(logging.Formatter):
    """A log record as one line, whatever is in it."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def use_any_encoding() -> None:
    r"""Let what the output's encoding lacks be written in plain signs, or as `\u2212`."""
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
    """Print a text as it stands, whoever wrote it: nothing in it is markup, or steers the terminal.

    Args:
        text: One line.
        is_error: Whether it goes to stderr.
    """
    _Output(stderr=is_error).print(Text(visible(text)), soft_wrap=True)


def hand_over(text: str) -> None:
    """Write to stdout what another program reads: as it is and in UTF-8, whatever a terminal's encoding.

    Args:
        text: CSV or JSON.
    """
    if sys.stdout is None:  # closed by the caller
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _read_no_more(sys.stdout)


def _read_no_more(stream: IO[str]) -> None:
    # Else Python writes what is left when it ends, and says that it cannot.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
    else:
        handler.setFormatter(_Line())
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


def print_report(report: "BacktestReport") -> None:
    """Print what a run did and found.

    Args:
        report: The run's.
    """
    console = _Output()
    if report.stages:
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
    # The name gives way, never a figure.
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
    """Tell a variant from others of its strategy by the parameters in which they differ."""
    own = variant["parameters"]
    others = [other["parameters"] for other in variants if other["name"] == variant["name"]]
    return ", ".join(f"{key}={own[key]}" for key in own if any(other.get(key) != own[key] for other in others))


def print_stage(record: "StageRecord") -> None:
    """Print what a stage did.

    Args:
        record: The stage's.
    """
    _Output().print(_stages_table({"stage": record}))


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
    from tasks.variants.strategy_class import summary_of  # noqa: PLC0415

    for name, strategy in STRATEGIES.items():
        say(f"{name}: {summary_of(strategy)}")
        for key, field in strategy.Parameters.model_fields.items():
            say(f"    {key}={field.default}  {field.description}")
