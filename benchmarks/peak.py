"""The most memory that a process has held; imported by workers, so it imports nothing that takes time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def peak() -> float:
    """Say how much this process has held.

    Returns:
        Megabytes of resident memory.
    """
    # Not getrusage: a process starts with its parent's peak there.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def peak_of(work: Callable[[Any], object], job: object) -> float:
    """Do a job, for a worker that does no other.

    Args:
        work: A module's function.
        job: What it is given.

    Returns:
        Megabytes of resident memory.
    """
    work(job)
    return peak()
