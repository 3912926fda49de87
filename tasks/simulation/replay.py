"""A job's sessions replayed once, for all its variants.

Runs in worker processes, one replay at a time: flumine replaces `datetime` and sets module-wide configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tasks.errors import BacktestError, ReplayError
from tasks.simulation import blame
from tasks.simulation.company import Company
from tasks.simulation.garbage import collected_once
from tasks.simulation.instance_times import Took
from tasks.simulation.job import Replayed, ReplayJob
from tasks.simulation.limits import LimitError, limited
from tasks.simulation.market_messages import MarketMessages
from tasks.simulation.order_files import OrderFile, write_orders


class ReplayedChunk(NamedTuple):
    """What a job gave its variants; each is in one of the three.

    Attributes:
        files: Files of orders.
        failures: Why others have none.
        leavers: Ids of variants that left something behind in their modules, so that what another session gives them
            depended on it: each is to be replayed by itself, and one that is, session by session.
        took: How long each variant that did well took, by its id.
    """

    files: Sequence[OrderFile] = ()
    failures: Sequence[BacktestError] = ()
    leavers: Sequence[str] = ()
    took: Mapping[str, Took] = {}


def replay_chunk(job: ReplayJob) -> ReplayedChunk:
    """Replay a job and write the orders of the variants that did well.

    Args:
        job: What to do.

    Returns:
        What became of each variant.

    Raises:
        ReplayError: The replay went beyond the limits, or a book or a setting was changed and nobody knows by whom;
            nothing of this job is written.
        ChangedSourceError: A strategy is not the one that was planned.
        LakeError: Messages are missing, damaged, or lack a market.
        BalanceError: A market was neither replayed nor rejected.
    """
    with _ending(job):
        company = _replay(job)
        file, unkept = write_orders(job, {member.variant.id: member.replayed for member in company.members})
        took = {member.variant.id: member.took for member in company.members}
        return ReplayedChunk([file] if file else [], [*company.failures, *unkept], company.leavers, took)


def replay_alone(job: ReplayJob) -> Replayed | None:
    """Replay a job of one variant; nothing is written.

    Args:
        job: What to do.

    Returns:
        What the job gave the variant; None where it left something behind for a later session.

    Raises:
        ReplayError: The strategy raised, or went beyond the limits.
        ChangedSourceError: The strategy is not the one that was planned.
        LakeError: Messages are missing, damaged, or lack a market.
    """
    with _ending(job):
        company = _replay(job)
        for error in company.failures:
            raise error
        return company.members[0].replayed if company.members else None


def _replay(job: ReplayJob) -> Company:
    company = Company(job)
    with ExitStack() as opened, collected_once():
        messages = MarketMessages(job, opened)
        for session in job.sessions:
            company.replay(messages.of(session))
    return company


@contextmanager
def _ending(job: ReplayJob) -> Iterator[None]:
    """Limit a replay, and let an error go without its frames, with which the whole simulation would stay in memory."""
    try:
        with limited(job.limits):
            yield
    except LimitError as error:
        raise blame.failure("", error, f"in {job.title}") from None
    except ReplayError as error:
        error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error
