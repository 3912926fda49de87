"""The cores and memory that this process may use, within its container's limits; how an interpreter is started."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

_GROUPS = Path("/proc/self/cgroup")
_LIMITS = Path("/sys/fs/cgroup")

# Read on start: a fixed hash seed for a fixed order of sets; one thread per process, so that floats are also summed in
# the same order everywhere.
_SET = {"PYTHONHASHSEED": "0"}
_SET_UNLESS_GIVEN = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")


class Share(NamedTuple):
    """Limits of control groups; infinity means no limit.

    Attributes:
        cores: CPU time, in cores.
        megabytes: Memory.
    """

    cores: float = math.inf
    megabytes: float = math.inf


def reproducible(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with what an interpreter has to start with so that a replay is the same everywhere."""
    return {**_SET_UNLESS_GIVEN, **environment, **_SET}


def cores() -> int:
    """Return the number of cores this process may use, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min(allowed, _share().cores)) or 1


def memory_megabytes() -> float:
    """Return the memory, in MB, that this process and its children may use together."""
    return min(psutil.virtual_memory().total / 1e6, _share().megabytes)


def share_of(groups: str, limits: Path) -> Share:
    """Read the limits of a process's control groups.

    Args:
        groups: The content of `/proc/self/cgroup`: a line `0::/path` in version 2, a line per controller in version 1.
        limits: The groups' root, `/sys/fs/cgroup`.

    Returns:
        The lowest limits among its groups and their parents.
    """
    found = [Share()]
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            folder = limits / controller / path.lstrip("/")
            # In a container the path may be the host's, of which only the root is visible.
            around = (each for each in (folder, *folder.parents) if each.is_relative_to(limits / controller))
            found += map(_limits_in, around)
    return Share(min(each.cores for each in found), min(each.megabytes for each in found))


def _share() -> Share:
    try:
        groups = _GROUPS.read_text(encoding="utf-8")
    except OSError:  # only Linux has control groups
        return Share()
    return share_of(groups, _LIMITS)


def _limits_in(folder: Path) -> Share:
    time = _numbers(folder / "cpu.max") or _numbers(folder / "cpu.cfs_quota_us") + _numbers(
        folder / "cpu.cfs_period_us"
    )
    memory = _numbers(folder / "memory.max") or _numbers(folder / "memory.limit_in_bytes")
    return Share(
        time[0] / time[1] if len(time) > 1 else math.inf,
        memory[0] / 1e6 if memory else math.inf,
    )


def _numbers(file: Path) -> list[float]:
    """Read a file of limits; `max` and -1 mean no limit."""
    try:
        return [math.inf if word in {"max", "-1"} else float(word) for word in file.read_text(encoding="utf-8").split()]
    except OSError:
        return []
