"""The command line `backtest`: every verb calls a flow; nothing is computed here.

Prefect and flumine are imported only when a verb needs them, so that `backtest --help` is instant and worker processes
stay light. For the same reason a verb's options, its model's fields, are generated when the verb is used.
"""

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from flows.command_line.new_strategy import write_strategy
from flows.command_line.screen import screen
from flows.command_line.terminal import (
    hand_over,
    print_report,
    print_stage,
    print_strategies,
    say,
    say_error,
    use_any_encoding,
    use_prefect_quietly,
)
from tasks.addresses import check_address
from tasks.errors import BacktestError, InputError, LakeError
from tasks.foreign_text import is_encodable

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flows.command_line.debug_options import Ask
    from flows.command_line.verb import Printed
    from flows.parameters import BacktestParameters

app = typer.Typer(
    help="Backtest flumine strategies on Betfair's Pro archives.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables truncate long options on a narrow terminal
    add_completion=False,
)

_SILENT = {"--quiet", "--debug", "--watch"}


def _checked(lake: str | None) -> str | None:
    return lake and check_address(lake)


LakeRoot = Annotated[
    str | None,
    typer.Option("--lake", help="Root of the lake; default BACKTEST_LAKE or data_lake", callback=_checked),
]


class _MadeWhenUsed(TyperCommand):
    """A command whose callback returns its function, because importing the model with its options takes seconds."""

    def make_context(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as in Typer
        made = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        made.command(self.name, help=self.help)(self.callback())  # type: ignore[misc]  # it has one
        return get_command(made).make_context(*args, **extra)


def _prefect_server(flow: str) -> AbstractContextManager[None]:
    """Start a server, and import a flow's module meanwhile."""
    # Silence Prefect's many lines about invalid settings on import; `prefect_server` reports them in one.
    with redirect_stderr(StringIO()), warnings.catch_warnings(action="ignore"):
        from flows.serving.prefect_server import prefect_server  # noqa: PLC0415 - see the module's docstring
    return prefect_server(meanwhile=lambda: import_module(f"flows.{flow}"))


def _debug(ask: "Ask", strategies: Sequence[str], watches: bool) -> None:
    from flows.debug.terminal import run as run_here  # noqa: PLC0415 - see the module's docstring

    sys.exit(run_here(ask, strategies, again=watches))


def _verb(  # noqa: PLR0913 - what a verb is
    name: str,
    doc: str,
    flow: str,
    show: Callable[..., None],
    model: str = "flows.parameters.BacktestParameters",
    *,
    debugs: bool = False,
) -> None:
    def act(parameters: "BacktestParameters") -> "BaseModel":
        with _prefect_server(flow):
            from flows.stages import run_stage  # noqa: PLC0415 - see the module's docstring

            outcome: BaseModel = run_stage(getattr(import_module(f"flows.{flow}"), flow), parameters)
        return outcome

    def print_outcome(outcome: "BaseModel", printed: "Printed") -> None:
        if printed.as_json:
            hand_over(json.dumps(outcome.model_dump(mode="json", by_alias=True)) + "\n")
        else:
            show(outcome, quiet=printed.quiet)

    @app.command(name, help=doc, cls=_MadeWhenUsed)
    def make() -> Callable[..., None]:
        # Options are read once the model is imported. A replay in this process has the terminal for itself.
        quiet, silent = "--quiet" in sys.argv, bool(_SILENT.intersection(sys.argv))
        with screen("Loading flumine and Prefect", quiet=silent):
            use_prefect_quietly(quiet=quiet)
            from flows.command_line.verb import verb_of  # noqa: PLC0415 - see the module's docstring

            module, _, class_name = model.rpartition(".")
            asked = getattr(import_module(module), class_name)
        return verb_of(asked, act, print_outcome, _debug if debugs else None)


_verb("run", "Run a backtest: extract, ratings, simulate, aggregate.", "backtest", print_report, debugs=True)
_verb(
    "sweep",
    "Run a backtest with each combination of one strategy's parameters.",
    "sweep",
    print_report,
    model="flows.sweep.SweepParameters",
)
_verb(
    "extract",
    "Read archives into the lake.",
    "extract",
    print_stage,
    model="flows.parameters.ExtractParameters",
)
_verb("ratings", "Get the ratings of the selected markets into the lake.", "ratings", print_stage)
_verb("simulate", "Replay the selected markets and write each variant's orders.", "simulate", print_stage)
_verb("aggregate", "Settle each variant's orders and write the run's results.", "aggregate", print_stage)


@app.command()
def show(
    run: Annotated[str | None, typer.Argument(help="A run's id; default the latest")] = None,
    *,
    lake: LakeRoot = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the figures as CSV instead of tables")] = False,
) -> None:
    """Print a run's summary, and where its report is."""
    with screen("Reading the lake"):
        use_prefect_quietly()
        from flows.backtest_report import as_csv, read_report  # noqa: PLC0415

        report = read_report(run, lake)
    if csv:
        hand_over(as_csv(report))
    else:
        print_report(report)


@app.command()
def check(*, lake: LakeRoot = None) -> None:
    """Verify the lake and its archives; delete damaged files, which the next run makes again."""
    with screen("Reading every file of the lake"):
        use_prefect_quietly()
        from tasks.archives.identity import check_archives  # noqa: PLC0415
        from tasks.archives.manifest import say_not_extracted  # noqa: PLC0415
        from tasks.lake.check import check_lake  # noqa: PLC0415
        from tasks.lake.store import Lake  # noqa: PLC0415
        from tasks.settings import Settings  # noqa: PLC0415

        opened = Lake(lake or Settings().lake)
        opened.check_answers()
        if not opened.exists:
            raise InputError(f"{opened.root}: no such folder; give the root of a lake")
        with opened.alone():
            checked, changed = check_lake(opened), check_archives(opened)
    say(f"{checked.files} files, {checked.rows} rows: {len(checked.problems) or 'none'} damaged")
    for sentence in say_not_extracted(opened):
        say(sentence)
    if problems := [*checked.problems, *changed]:
        raise LakeError("\n".join(problems))


@app.command()
def sample(*, lake: LakeRoot = None) -> None:
    """Run a backtest on a generated month, with ratings from a server on this machine."""
    with screen("Loading flumine and Prefect"):
        use_prefect_quietly()
        with _prefect_server("sample"):
            from flows.sample import sample as run_sample  # noqa: PLC0415

            report = run_sample(lake)
    print_report(report)
    say("The month is synthetic: its figures show that the pipeline works, not that a strategy does.")


@app.command("serve")
def serve_here(
    *,
    port: Annotated[int, typer.Option(help="Port of the UI, on this machine only")] = 4200,
    lake: LakeRoot = None,
    own_strategies: Annotated[
        bool, typer.Option("--own-strategies", help="Let runs import strategies of your own, my.py:Class")
    ] = False,
) -> None:
    """Start Prefect's server and UI, the deployments of this project and a worker for them, until Ctrl-C."""
    with screen("Loading Prefect"):
        use_prefect_quietly()
        from flows.serving.serve import serve  # noqa: PLC0415

    serve(port, lake, own_strategies=own_strategies)


@app.command()
def new(file: Annotated[Path, typer.Argument(help="Where to, such as my_strategy.py")]) -> None:
    """Write a commented strategy of your own to begin with."""
    write_strategy(file)
    word = f"--strategy {file}:MyStrategy"
    say(f"Written to {file}. Look at it on one market, breakpoint() and print work, nothing is kept:")
    say(f"    backtest run ARCHIVE --market 1.234567890 {word} --debug")
    say(f"With --watch in place of --debug, again at each save. Then on all: backtest run ARCHIVE {word}")


@app.command()
def strategies() -> None:
    """List the strategies, their parameters and defaults."""
    with screen("Loading flumine"):
        import_module("strategies")  # before they are printed, because it takes a second
    print_strategies()


def _check_arguments(arguments: Sequence[str]) -> None:
    for argument in arguments:
        if not is_encodable(argument):
            raise InputError(f"{argument}: not valid in this system's encoding; rename the file, or set PYTHONUTF8=1")


def run() -> None:
    """Run the command line; exit 0 if everything succeeded, 2 if the input is wrong, 1 for other errors."""
    use_any_encoding()
    try:
        _check_arguments(sys.argv[1:])
        app()
    except BacktestError as error:
        sys.exit(say_error(error))
