"""One chunk of markets replayed once, for all variants that lack its orders.

Runs in worker processes, one replay at a time: flumine replaces `datetime` and sets module-wide configuration.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from tasks.errors import BacktestError, ChangedSourceError, LakeError, ReplayError
from tasks.lake.datasets import MARKETS, WINDOWS, Dataset
from tasks.lake.parquet import Reader
from tasks.lake.store import file_path
from tasks.simulation import blame
from tasks.simulation.company import Company
from tasks.simulation.garbage import collected_once
from tasks.simulation.job import Orders, Replayed, ReplayJob, write_orders
from tasks.simulation.limits import LimitError, limited
from tasks.simulation.variant import FLUMINE
from tasks.simulation.windows import WindowsFile, row_groups

_FILES_AT_ONCE = 8


class ReplayedChunk(NamedTuple):
    """What a chunk gave its variants; each is in one of the three.

    Attributes:
        orders: Files of orders, by variant id.
        failures: Strategies that raised.
        leavers: Ids of variants that left something behind in their modules, so that what another market gives them
            depended on it: each is to be replayed by itself, and one that is, market by market.
    """

    orders: dict[str, Orders]
    failures: Sequence[BacktestError] = ()
    leavers: Sequence[str] = ()


def replay_chunk(job: ReplayJob) -> ReplayedChunk:
    """Replay a chunk and write the orders of each variant that did well.

    Args:
        job: What to do.

    Returns:
        What became of each variant.

    Raises:
        ReplayError: The replay went beyond the limits, or a book or a setting was changed and nobody knows by whom;
            nothing of this chunk is written.
        ChangedSourceError: A strategy is not the one that was planned.
        LakeError: The chunk's messages are missing, damaged, or lack a market.
    """
    with _ending(job):
        company = _replay(job)
        return _write(job, company)


def replay_market(job: ReplayJob) -> Replayed:
    """Replay one market for one variant, in a process that replays nothing else; nothing is written.

    Args:
        job: Of one market and one variant.

    Returns:
        What the market gave it.

    Raises:
        ReplayError: The strategy raised, or went beyond the limits.
        ChangedSourceError: The strategy is not the one that was planned.
        LakeError: The chunk's messages are missing, damaged, or lack the market.
    """
    with _ending(job):
        company = _replay(job)
        for error in company.failures:
            raise error
        (member,) = company.members
        return member.replayed


def _replay(job: ReplayJob) -> Company:
    company = Company(job)
    dataset, path = _messages(job)
    with job.lake.reader(dataset, path) as reader:
        groups = row_groups(reader)
        missing = [market_id for market_id in job.market_ids if market_id not in groups]
        if missing:
            raise LakeError(f"{path} lacks {len(missing)} markets of its catalogue ({missing[0]}, …); extract it again")
        with collected_once():
            for market_id in job.market_ids:
                company.replay(market_id, _read_messages(reader, groups[market_id]))
    return company


def _write(job: ReplayJob, company: Company) -> ReplayedChunk:
    """Write side by side, because a file's writer mostly waits until the disk has it."""
    orders: dict[str, Orders] = {}
    failures: list[BacktestError] = [*company.failures]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as threads:
        writing = {m.variant.id: threads.submit(write_orders, job, m.variant, m.replayed) for m in company.members}
    for variant_id, written in writing.items():
        try:
            orders[variant_id] = written.result()
        except (ReplayError, ChangedSourceError) as error:
            failures.append(error)
    return ReplayedChunk(orders, failures, company.leavers)


@contextmanager
def _ending(job: ReplayJob) -> Iterator[None]:
    """Limit a replay, and let an error go without its frames, with which the whole simulation would stay in memory."""
    try:
        with limited(job.limits):
            yield
    except LimitError as error:
        raise blame.failure("", error, f"in chunk {job.chunk} of {job.archive}") from None
    except ReplayError as error:
        error.__context__ = None
        raise error.with_traceback(None)  # noqa: B904 - it is the same error


def _messages(job: ReplayJob) -> tuple[Dataset, str]:
    """Say which file is replayed; flumine's own engine folds nothing, so that it proves the folding too."""
    variant = job.variants[0]
    if variant.engine == FLUMINE:
        return MARKETS, file_path(MARKETS, {"archive": job.archive, "chunk": job.chunk})
    windows = WindowsFile(job.lake, variant.window, job.archive, job.chunk, job.upstream, job.market_types)
    if windows.fresh() is None:
        windows.make()
    return WINDOWS, windows.path


def _read_messages(reader: Reader, group: int) -> Sequence[str]:
    messages: list[str] = reader.read_row_group(group, ["message"]).column(0).to_pylist()
    return messages
