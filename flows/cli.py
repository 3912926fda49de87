"""The command line: `backtest`, for people without the UI. Every verb calls a flow; nothing is computed here.

Prefect and flumine are imported when a verb needs them: `backtest --help` is instant, and worker processes stay light.
"""

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from flows.terminal import print_report, print_stage, print_strategies, use_prefect_quietly
from tasks.errors import BacktestError, InputError, LakeError, StrategyError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from flows.parameters import BacktestParameters

app = typer.Typer(
    help="Backtest flumine strategies on Betfair's Pro archives.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Archives = Annotated[list[str], typer.Argument(help="Archives: .tar, .tar.gz, .tar.bz2, .zip, or folders")]
Strategies = Annotated[
    list[str] | None, typer.Option("--strategy", help="NAME[:key=value,…] or module:Class[:key=value,…]; repeatable")
]
Grid = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE,…: values of a parameter to combine; repeatable")
]
Ratings = Annotated[str | None, typer.Option(help="iggy, kash, or a CSV of market_id, selection_id, rating")]
DateFrom = Annotated[str | None, typer.Option("--from", help="First day of racing, YYYY-MM-DD")]
DateTo = Annotated[str | None, typer.Option("--to", help="Last day of racing, YYYY-MM-DD")]
MarketTypes = Annotated[
    list[str] | None, typer.Option("--market-type", help="WIN, PLACE, …, or ALL; default WIN; repeatable")
]
Venues = Annotated[list[str] | None, typer.Option("--venue", help="A track; default all; repeatable")]
Countries = Annotated[list[str] | None, typer.Option("--country", help="AU, GB, …; default all; repeatable")]
Split = Annotated[
    str | None, typer.Option(help="A day, YYYY-MM-DD, or month: judge what was best before on the races from then on")
]
Window = Annotated[str | None, typer.Option(help="The part of each market to replay; default 80s before the off")]
Commission = Annotated[
    float | None, typer.Option(help="A rate for all markets (0.07); default each market's own base rate")
]
Discount = Annotated[float | None, typer.Option(help="The account's discount on base rates, per cent")]
Currency = Annotated[str | None, typer.Option(help="The account's currency; decides the smallest bet; default GBP")]
Engine = Annotated[str | None, typer.Option(help="lean, or flumine: its own stream, for anyone in doubt")]
LakeRoot = Annotated[str | None, typer.Option("--lake", help="Root of the lake; default BACKTEST_LAKE or data_lake")]
Workers = Annotated[int | None, typer.Option(help="Processes; default one a core")]
ChunkBytes = Annotated[int | None, typer.Option(help="Size of a chunk to aim at, bytes as stored; default 2000000")]
ChunkSeconds = Annotated[float | None, typer.Option(help="Longest replay of a chunk, seconds; default 3600")]
WorkerMegabytes = Annotated[
    float | None, typer.Option(help="Most memory of a replay, MB; default a core's share of four fifths of all")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables")]


def parse_strategy(text: str) -> dict[str, Any]:
    """Read a strategy and its parameters as written on the command line.

    Args:
        text: `NAME[:key=value,…]` or `module:Class[:key=value,…]`.

    Returns:
        The fields of `StrategyChoice` or `OwnStrategyChoice`.

    Raises:
        StrategyError: A parameter is not key=value.
    """
    name, colon, settings = text.rpartition(":")
    if not colon or "=" not in settings:
        return {"strategy": text, "parameters": {}}
    pairs = [pair.partition("=") for pair in settings.split(",")]
    for key, equals, value in pairs:
        if not key.strip() or not equals:
            raise StrategyError(f"--strategy {text}: {key + equals + value!r} is not key=value")
    return {"strategy": name, "parameters": {key.strip(): value.strip() for key, _, value in pairs}}


def _verb(name: str, doc: str, flow: str, show: Callable[[Any], None], *, sweeps: bool = False) -> None:
    def verb(  # noqa: PLR0913 - an argument an option
        archives: Archives,
        *,
        strategy: Strategies = None,
        grid: Grid = None,
        ratings: Ratings = None,
        date_from: DateFrom = None,
        date_to: DateTo = None,
        market_type: MarketTypes = None,
        venue: Venues = None,
        country: Countries = None,
        split: Split = None,
        window: Window = None,
        commission: Commission = None,
        discount: Discount = None,
        currency: Currency = None,
        engine: Engine = None,
        lake: LakeRoot = None,
        workers: Workers = None,
        chunk_bytes: ChunkBytes = None,
        chunk_seconds: ChunkSeconds = None,
        worker_megabytes: WorkerMegabytes = None,
        as_json: AsJson = False,
    ) -> None:
        markets = {
            "market_types": [] if market_type == ["ALL"] else market_type,
            "countries": country,
            "venues": venue,
            "date_from": date_from,
            "date_to": date_to,
        }
        asked = {
            "archives": archives,
            **(_swept(strategy or (), grid or ()) if sweeps else _strategies(strategy or ())),
            "ratings": ratings,
            "markets": _set(markets),
            "split": split,
            "window": window,
            "commission": commission,
            "discount_rate": discount,
            "currency": currency,
            "engine": engine,
            "lake": lake,
            "workers": workers,
            "chunk_bytes": chunk_bytes,
            "chunk_seconds": chunk_seconds,
            "worker_megabytes": worker_megabytes,
        }
        parameters = _parameters(_set(asked))
        from flows.stages import ask  # noqa: PLC0415 - see the module's docstring

        outcome = ask(getattr(import_module(f"flows.{flow}"), flow), parameters)
        if as_json:
            typer.echo(json.dumps(outcome.model_dump(mode="json", by_alias=True)))
        else:
            show(outcome)

    if not sweeps:
        signature = inspect.signature(verb)
        options = [option for option in signature.parameters.values() if option.name != "grid"]
        verb.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]  # what Typer reads
    app.command(name, help=doc)(verb)


def _strategies(texts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    choices = [parse_strategy(text) for text in texts]
    own = [choice for choice in choices if ":" in choice["strategy"]]
    return {"strategies": [choice for choice in choices if choice not in own], "own_strategies": own} if texts else {}


def _swept(texts: Sequence[str], axes: Sequence[str]) -> dict[str, Any]:
    if len(texts) != 1:
        raise InputError(f"a sweep is of one strategy, and {len(texts)} were given; give one --strategy")
    if not axes:
        raise InputError("a sweep needs values to combine; give --set NAME=VALUE,…, as in --set seconds_to_start=15,30")
    choice = parse_strategy(texts[0])
    swept = (axis.partition("=")[::2] for axis in axes)
    grid = [{"parameter": name, "values": values} for name, values in (*choice["parameters"].items(), *swept)]
    return {"strategy": choice["strategy"], "grid": grid}


def _set(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _parameters(asked: dict[str, Any]) -> "BacktestParameters":
    use_prefect_quietly()
    from flows.parameters import BacktestParameters  # noqa: PLC0415 - see the module's docstring

    model: type[BacktestParameters] = BacktestParameters
    if "grid" in asked:
        from flows.sweep import SweepParameters  # noqa: PLC0415

        model = SweepParameters
    try:
        parameters = model.model_validate(asked)
    except ValidationError as error:
        raise InputError("; ".join(map(_problem, error.errors()))) from None
    parameters.check()
    return parameters


def _problem(error: "ErrorDetails") -> str:
    # What this project's own validators say needs no address: it names what is wrong.
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


_verb("run", "Run the whole: extract, ratings, simulate, aggregate.", "backtest", print_report)
_verb("sweep", "Run the whole for each combination of one strategy's parameters.", "sweep", print_report, sweeps=True)
_verb("extract", "Read archives into the lake.", "extract", print_stage)
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
    use_prefect_quietly()
    from flows.report import as_csv, read_report  # noqa: PLC0415

    report = read_report(run, lake)
    if csv:
        typer.echo(as_csv(report), nl=False)
    else:
        print_report(report)


@app.command()
def check(*, lake: LakeRoot = None) -> None:
    """Read every file of the lake, and delete what is damaged: the next run makes it again."""
    use_prefect_quietly()
    from tasks.lake.check import check_lake  # noqa: PLC0415
    from tasks.lake.store import Lake  # noqa: PLC0415
    from tasks.settings import Settings  # noqa: PLC0415

    opened = Lake(lake or Settings().lake)
    if not opened.exists:
        raise InputError(f"{opened.root}: no such folder; give the root of a lake")
    with opened.alone():
        checked = check_lake(opened)
    typer.echo(f"{checked.files} files, {checked.rows} rows: {len(checked.problems) or 'none'} damaged")
    if checked.problems:
        raise LakeError("\n".join(checked.problems))


@app.command()
def sample(*, lake: LakeRoot = None) -> None:
    """Run the whole on a month that is generated here, its ratings fetched from a server on this machine."""
    use_prefect_quietly()
    from flows.sample import sample as run_sample  # noqa: PLC0415

    print_report(run_sample(lake))
    typer.echo("The month is synthetic: its figures show that the pipeline works, not that a strategy does.")


@app.command("serve")
def serve_here(
    *, port: Annotated[int, typer.Option(help="Port of the UI, on this machine alone")] = 4200, lake: LakeRoot = None
) -> None:
    """Start Prefect's server and UI, the deployments of this project and a worker for them, until Ctrl-C."""
    use_prefect_quietly()
    from flows.serve import serve  # noqa: PLC0415

    serve(port, lake)


@app.command()
def strategies() -> None:
    """List the strategies, their parameters and defaults."""
    print_strategies()


def main() -> None:
    """Run the command line; exit 0 only when everything asked for is there, 2 when what was asked is wrong."""
    sys.path.insert(0, "")  # a user's own strategies are imported from where the command is run
    try:
        app()
    except BacktestError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, InputError) else 1)
