"""Replay a job's sessions once, for all its variants.

Runs in worker processes, one replay at a time: flumine replaces `datetime` and sets module-wide configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tasks.errors import BacktestError, ReplayError
from tasks.orders.files import OrderFile
from tasks.orders.job import ReplayJob
from tasks.simulation.company import Company
from tasks.simulation.garbage import collected_once
from tasks.simulation.instance_times import Took
from tasks.simulation.market_messages import MarketMessages
from tasks.simulation.open_entry import OpenEntry
from tasks.simulation.replayed import Replayed
from tasks.simulation.write_orders import orders_table, write_orders
from tasks.watch import watch


class ReplayedChunk(NamedTuple):
    """The results of a job; each variant is in one of the first three.

    Attributes:
        files: Files of orders.
        failures: Why some variants have no orders.
        leavers: Ids of variants that left something behind in their modules, so that the orders of another session
            depended on it: each has to be replayed alone, and one that already is, session by session.
        took: The times of each successful variant, by its id.
    """

    files: Sequence[OrderFile] = ()
    failures: Sequence[BacktestError] = ()
    leavers: Sequence[str] = ()
    took: Mapping[str, Took] = {}


def replay_chunk(job: ReplayJob) -> ReplayedChunk:
    """Replay a job and write the orders of the variants that succeeded.

    Raises:
        ReplayError: A book or a setting was changed, or the process lacks a resource, and the culprit is unknown;
            nothing of this job is written.
        ChangedSourceError: A strategy is not the one that was planned.
        LakeError: Messages are missing, damaged, or lack a market.
        BalanceError: A market was neither replayed nor rejected.
    """
    with _replaying(job) as company:
        company.end()
        company.come_back()
        watch.begin(job.limits.reading("the writing of orders"))
        file, unkept = write_orders(job, {member.variant.id: member.replayed for member in company.members})
        took = {member.variant.id: member.took for member in company.members}
        return ReplayedChunk([file] if file else [], [*company.failures, *unkept], company.leavers, took)


def replay_alone(job: ReplayJob) -> Replayed | None:
    """Replay a job of one variant without writing anything.

    Returns:
        The variant's results; None if it left something behind for a later session.

    Raises:
        ReplayError: The strategy raised, or used up a resource of the process.
        ChangedSourceError: The strategy is not the one that was planned.
        LakeError: Messages are missing, damaged, or lack a market.
    """
    with _replaying(job) as company:
        if len(job.sessions) > 1:
            company.end()
        for error in company.failures:
            raise error
        if not company.members:
            return None
        company.come_back()
        replayed, (variant,) = company.members[0].replayed, job.variants
        # Values that a strategy has put into its orders may be of its own classes, which only its own process has
        # imported.
        return replayed._replace(rows=orders_table(variant.id, replayed.rows).to_pylist())


def replay_openly(job: ReplayJob) -> dict[str, Replayed]:
    """Replay a job in a person's own process, without writing anything: what a strategy raises is raised.

    Returns:
        Each variant's results, by its id.

    Raises:
        BaseException: Whatever a strategy raised, with its traceback.
        ReplayError: A book or a setting was changed, or a strategy left something behind for a later session.
        ChangedSourceError: A strategy is not the one that was planned.
        LakeError: Messages are missing, damaged, or lack a market.
    """
    with collected_once():
        company = Company(job, OpenEntry)
        _replay(company, job)
    company.come_back()
    for error in company.failures:
        raise error
    for variant_id in company.leavers:
        raise ReplayError(
            f"{variant_id} keeps something outside of its instance, where another market or strategy would find it; "
            "a run gives each a process of its own, so debug one market and one strategy at a time",
            variant_id,
        )
    return {member.variant.id: member.replayed for member in company.members}


@contextmanager
def _replaying(job: ReplayJob) -> Iterator[Company]:
    """Replay a job; drop an error's traceback, whose frames would keep the whole simulation in memory."""
    try:
        with ExitStack() as collecting:
            collecting.enter_context(collected_once())
            company = Company(job)
            with company.suspecting():
                _replay(company, job)
                collecting.close()
                yield company
    except ReplayError as error:
        error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error


def _replay(company: Company, job: ReplayJob) -> None:
    with ExitStack() as opened:
        messages = MarketMessages(job, opened)
        for session in job.sessions:
            company.replay(messages.of(session))
