"""How much of this machine this process may use: what its container or its caller has left it."""

import math
import os
from pathlib import Path
from typing import NamedTuple

import psutil

_GROUPS = Path("/proc/self/cgroup")
_LIMITS = Path("/sys/fs/cgroup")


class Share(NamedTuple):
    """What control groups leave a process; infinity where they say nothing.

    Attributes:
        cores: Cores' worth of time.
        megabytes: Memory.
    """

    cores: float = math.inf
    megabytes: float = math.inf


def cores() -> int:
    """Count the cores that this process may use.

    Returns:
        At least 1.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min(allowed, _share().cores)) or 1


def memory_megabytes() -> float:
    """Return how much memory this process and its children may have together.

    Returns:
        MB.
    """
    return min(psutil.virtual_memory().total / 1e6, _share().megabytes)


def share_of(groups: str, limits: Path) -> Share:
    """Read what control groups leave a process: its own and all those that it is within, each of which binds.

    Args:
        groups: What Linux says of it in `/proc/self/cgroup`: of version 2 a line `0::/path`, of version 1 a line for
            each controller.
        limits: Where the groups are, `/sys/fs/cgroup`.

    Returns:
        The least of all.
    """
    found = [Share()]
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            folder = limits / controller / path.lstrip("/")
            # Within a container the path may be that outside of it, of which only the top is to be seen.
            around = (each for each in (folder, *folder.parents) if each.is_relative_to(limits / controller))
            found += map(_limits_in, around)
    return Share(min(each.cores for each in found), min(each.megabytes for each in found))


def _share() -> Share:
    try:
        groups = _GROUPS.read_text(encoding="utf-8")
    except OSError:  # there are none but on Linux
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
    """Read limits, of which `max` and -1 are none."""
    try:
        return [math.inf if word in {"max", "-1"} else float(word) for word in file.read_text(encoding="utf-8").split()]
    except OSError:
        return []
