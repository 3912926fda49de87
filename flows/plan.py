"""Plan a backtest from its parameters and the lake: what to replay, and the run's record."""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from prefect.runtime import deployment

from flows.archives import read_archives
from flows.command_line.command import command_of
from flows.parameters import BacktestParameters
from tasks.addresses import shown
from tasks.aggregation.folds import split_markets
from tasks.aggregation.results import Run
from tasks.archives.manifest import read_manifest
from tasks.archives.selection import select_markets
from tasks.lake.fingerprint import ENGINE
from tasks.ratings.days import as_lookup, left_out_name, load_ratings
from tasks.rejects import Reject, RejectSource, by_archive, write_down
from tasks.runs import RunArchive, RunRatings, RunRecord
from tasks.simulation.stage import plan_replays

if TYPE_CHECKING:
    from tasks.orders.session import Ratings


class Plan(NamedTuple):
    """A planned backtest.

    Attributes:
        run: The run: its variants and the chunks they are replayed on.
        markets: The selected rows of the catalogue.
        repeated: By archive, markets that an earlier archive has.
        record: The run's record.
    """

    run: Run
    markets: pd.DataFrame
    repeated: Mapping[str, list[Reject]]
    record: RunRecord


def plan_run(parameters: BacktestParameters) -> Plan:
    """Plan a backtest, for the simulate and the aggregate stage.

    Raises:
        InputError: A parameter is wrong, an archive is not completely extracted, no market passes the filter, or the
            split leaves none on one side.
        LakeError: Ratings are missing; run the ratings stage.
    """
    lake, source = parameters.opened_lake, parameters.ratings_source
    archives = read_archives(parameters)
    types = parameters.markets.types_that_filter
    manifests = tuple(read_manifest(lake, archive, types) for archive in archives)
    markets, repeated = select_markets(lake, manifests, parameters.markets)
    if parameters.split:
        split_markets(markets, parameters.split)
    ratings = RunRatings(source.name, source.content, tuple(source.days(markets["market_date"]))) if source else None
    rated: dict[str, Ratings] = {}
    if ratings and any(variant.ratings for variant in parameters.variants):
        rated[ratings.name] = as_lookup(load_ratings(lake, ratings, ratings.days, markets))
    run = Run(
        lake,
        parameters.variants,
        manifests,
        tuple(plan_replays(lake, markets, parameters.variants, rated)),
        commission=parameters.commission_rate,
        split=parameters.split,
        together=parameters.together,
    )
    record = RunRecord(
        run=run.id,
        command=command_of(parameters),
        parameters=parameters.model_dump(mode="json"),
        archives=tuple(RunArchive(one.name, one.content, shown(one.address)) for one in archives),
        ratings=ratings,
        rejects=tuple(_reject_sources(run, ratings)),
        versions={"betfair-backtest": version("betfair-backtest"), **ENGINE, "Python": python_version()},
        asked_at=datetime.now(UTC),
        asked_by=f"deployment {deployment.name}" if deployment.name else Path(sys.argv[0]).name,
    )
    return Plan(run, markets, repeated, record)


def write_simulate_rejects(planned: Plan, unplayable: Iterable[Iterable[Reject]]) -> None:
    """Write a run's rejects of the simulate stage: markets that an earlier archive has, or that flumine cannot replay.

    Both stages write them, because the orders that a run aggregates may be an earlier run's, with other commission.

    Args:
        unplayable: Each variant's rejects.
    """
    run = planned.run
    archive_of = dict(zip(planned.markets["market_id"], planned.markets["archive"], strict=True))
    divided = by_archive(unplayable, archive_of)
    for archive, *_ in run.archives:
        rejects = [*planned.repeated.get(archive, ()), *divided.get(archive, ())]
        write_down(run.lake, "simulate", archive, rejects, run.id)


def _reject_sources(run: Run, ratings: RunRatings | None) -> list[RejectSource]:
    """List the files of rejects of the run's archives, ratings, replay and settlement."""
    names = [manifest.archive for manifest in run.archives]
    sources = [RejectSource("extract", manifest.archive, manifest.reject_names) for manifest in run.archives]
    if ratings:
        files = (*ratings.days, left_out_name([manifest.title for manifest in run.archives], ratings.days))
        sources.append(RejectSource("ratings", ratings.name, files))
    return [*sources, *(RejectSource(stage, name, (run.id,)) for stage in ("simulate", "aggregate") for name in names)]
