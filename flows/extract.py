"""The extract stage: from archives to messages and catalogue."""

import logging
import time

from prefect import flow

from flows.archives import read_archives
from flows.executor import opened_executor
from flows.parameters import LOCAL, BacktestParameters
from flows.stages import divide, gather, waiting_threads
from tasks.archives.manifest import ENTRIES, find_manifest
from tasks.extraction.stage import extract_chunk_task, find_chunk, forget_old_archives, plan_extraction
from tasks.extraction.write_manifest import write_manifest
from tasks.progress import Piece, Words
from tasks.rejects import write_down
from tasks.tally import StageRecord, completed
from tasks.workers import start_server_ahead

logger = logging.getLogger("backtest")


@flow(name="extract", flow_run_name="extract {parameters.title}", persist_result=False)
def extract(parameters: BacktestParameters) -> StageRecord:
    """Read the markets of the asked types into the lake: raw messages, catalogue, rejects.

    Args:
        parameters: What to backtest.

    Returns:
        Markets found, kept and rejected.

    Raises:
        InputError: An archive cannot be read, or is given twice.
        StageError: A chunk failed; the others are kept.
        ClusterError: The cluster does not answer, or one of its workers cannot extract.
        BalanceError: The lake does not match what was extracted.
    """
    started = time.monotonic()
    lake = parameters.opened_lake
    parameters.check()
    with lake.alone():
        if old := forget_old_archives(lake):
            logger.info("extract: deleted %d archives extracted by an earlier version; extracting them again", old)
        archives = read_archives(parameters)
        strangers = sum(write_down(lake, "extract", archive.name, archive.rejects, ENTRIES) for archive in archives)
        types = parameters.markets.types_that_filter
        if parameters.executor == LOCAL and not all(find_manifest(lake, archive, types) for archive in archives):
            start_server_ahead()
        planned = [
            plan_extraction(lake, archive, parameters.chunk_bytes, parameters.window, types) for archive in archives
        ]
        jobs = [job for of_archive in planned for job in of_archive]
        todo, done = divide(find_chunk, jobs, [Piece(len(job.chunk.members), job.chunk.bytes) for job in jobs])
        asked = opened_executor(parameters, reads_archives=True, is_idle=not todo)
        with asked as executor, waiting_threads(executor) as runner:
            shared = {"of": len(jobs), "executor": executor}
            futures = {
                runner.submit(extract_chunk_task, {"job": job, "number": number, "piece": piece, **shared}): piece
                for number, job, piece in todo
            }
            record = gather("extract", Words("chunks", "markets", "files"), futures, done, started=started)
        for archive, of_archive in zip(archives, planned, strict=True):
            write_manifest(lake, archive, of_archive, types)
    record = record.model_copy(update={"taken": record.taken + strangers, "rejected": record.rejected + strangers})
    return completed(record)
