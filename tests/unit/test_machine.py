"""How much of a machine is this process's: by its cores, and by control groups of either version."""

import math
import os
import subprocess
import sys

import pytest

from tasks.machine import Share, share_of


def group(root, path, **limits):
    folder = root / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, limit in limits.items():
        (folder / name.replace("__", ".")).write_text(f"{limit}\n")


def test_no_limits(tmp_path):
    group(tmp_path, "", cpu__max="max 100000", memory__max="max")
    assert share_of("0::/\n", tmp_path) == Share(math.inf, math.inf)
    assert share_of("0::/not/there\n", tmp_path) == Share()
    assert share_of("", tmp_path) == Share()


def test_a_containers_own_group(tmp_path):
    group(tmp_path, "", cpu__max="150000 100000", memory__max=2_000_000_000)
    assert share_of("0::/\n", tmp_path) == Share(1.5, 2000)
    # The path may be the machine's, which is not to be seen from within.
    assert share_of("0::/docker/4711\n", tmp_path) == Share(1.5, 2000)


def test_the_least_of_all_groups_around_it_binds(tmp_path):
    group(tmp_path, "user", cpu__max="100000 100000", memory__max=8_000_000_000)
    group(tmp_path, "user/one", cpu__max="400000 100000", memory__max=4_000_000_000)
    group(tmp_path, "user/other", cpu__max="1000 100000", memory__max=1)
    assert share_of("0::/user/one\n", tmp_path) == Share(1, 4000)


def test_version_1(tmp_path):
    group(tmp_path, "memory/box", memory__limit_in_bytes=1_000_000_000)
    group(tmp_path, "cpu/box", cpu__cfs_quota_us=200_000, cpu__cfs_period_us=100_000)
    assert share_of("5:memory:/box\n4:cpu,cpuacct:/box\n0::/\n", tmp_path) == Share(2, 1000)
    group(tmp_path, "cpu/box", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    assert share_of("4:cpu,cpuacct:/box\n", tmp_path) == Share()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_a_process_that_may_use_one_core_starts_one_worker_with_all_the_memory():
    script = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from flows.parameters import Profile; from flows.stages import TASK_RUNNER; from tasks.machine import *; "
        "asked = Profile(); print(asked.workers, TASK_RUNNER._max_workers, "
        "asked.worker_megabytes == round(0.8 * memory_megabytes()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "True"]
