"""The extract stage: archives to messages and catalogue."""

import time

from prefect import flow

from flows.parameters import BacktestParameters
from flows.stages import TASK_RUNNER, gather
from tasks.caching import StageRecord, ended
from tasks.extraction.archive import read_index
from tasks.extraction.stage import extract_chunk_task, plan
from tasks.progress import Words
from tasks.rejects import write_down
from tasks.workers import worker_pool


@flow(name="extract", flow_run_name="extract {parameters.title}", task_runner=TASK_RUNNER, persist_result=False)
def extract(parameters: BacktestParameters) -> StageRecord:
    """Read archives into the lake: raw messages, catalogue, rejects.

    Args:
        parameters: What to backtest; of it the archives, the lake and the workers.

    Returns:
        Markets found, kept and rejected.
    """
    started = time.monotonic()
    lake = parameters.opened_lake
    parameters.check()
    with lake.alone():
        archives = [read_index(address) for address in parameters.archives]
        strangers = sum(write_down(lake, "extract", archive.name, archive.rejects, "entries") for archive in archives)
        types = parameters.markets.types_that_filter
        jobs = [
            job for archive in archives for job in plan(lake, archive, parameters.chunk_bytes, parameters.window, types)
        ]
        with worker_pool(parameters.workers) as pool:
            futures = [extract_chunk_task.submit(job, n, len(jobs), pool) for n, job in enumerate(jobs, start=1)]
            record = gather(
                "extract", Words("chunks", "markets"), futures, [job.chunk.bytes for job in jobs], started=started
            )
    record = record.model_copy(update={"taken": record.taken + strangers, "rejected": record.rejected + strangers})
    return ended(record)
