"""Open what does a stage's jobs: processes of this machine, or a Dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.parameters import LOCAL, BacktestParameters
from tasks.errors import InputError
from tasks.executor import Executor
from tasks.variants.dependencies.record import dependencies_of
from tasks.variants.strategy_class import find_strategy
from tasks.workers import worker_pool


@contextmanager
def opened_executor(parameters: BacktestParameters, *, reads_archives: bool, is_idle: bool) -> Iterator[Executor]:
    """Open the executor that a run asks for.

    Args:
        parameters: The run's.
        reads_archives: Whether the jobs read archives; else they replay strategies.
        is_idle: Whether there are no jobs, for which no cluster is asked.

    Yields:
        The executor, for the time of the block.

    Raises:
        InputError: The package for clusters is not installed.
        ClusterError: The cluster does not answer, or one of its workers cannot do the jobs.
    """
    if is_idle or parameters.executor == LOCAL:
        with worker_pool(parameters.workers) as pool:
            yield pool
        return
    try:
        # Half a second, and an optional package.
        from tasks.cluster.executor import dask_cluster  # noqa: PLC0415
        from tasks.cluster.place import here  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"dask", "distributed"}:
            raise
        raise InputError(
            f"--executor {parameters.executor}: Dask is not installed; pip install -c constraints.txt -e '.[cluster]'"
        ) from None
    lake, variants = parameters.opened_lake, () if reads_archives else parameters.variants
    with lake.marked() as mark:
        place = here(
            lake,
            mark,
            archives=tuple(parameters.archives) if reads_archives else (),
            strategies={name: dependencies_of(find_strategy(name)) for name in {one.name for one in variants}},
            is_own_strategy=any(not one.is_ours for one in variants),
            megabytes=parameters.worker_megabytes,
        )
        with dask_cluster(parameters.executor, parameters.workers, place) as cluster:
            yield cluster
