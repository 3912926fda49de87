"""A user's folder with a strategy, which is used in a clean process and then looked at from this one."""

import importlib
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

from tasks.variants.dependencies.record import Dependencies, dependencies_of, record_dependencies, what_changed
from tasks.variants.running import running
from tasks.variants.strategy_class import strategy_maker
from tasks.workers import WorkerPool

_CLASS = """
from flumine import BaseStrategy

class Own(BaseStrategy):
    def __init__(self, **flumine):
        super().__init__(**flumine)
"""


class Used(NamedTuple):
    """What came of a variant.

    Attributes:
        stake: What its strategy set.
        dependencies: What it used.
    """

    stake: object
    dependencies: Dependencies


class Project:
    """The folder; its strategy is the class `Own` of `own.py`."""

    def __init__(self, folder: Path, pool: WorkerPool) -> None:
        self.folder, self._pool = folder, pool

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
        return path

    def write_strategy(self, does: str, head: str = "", name: str = "own.py") -> None:
        """Write a strategy that does something as soon as it is made."""
        self.write(name, f"{dedent(head)}\n{_CLASS}{indent(dedent(does).strip(), ' ' * 8)}\n")

    def use(self, *variants: str, path: Sequence[str] = ()) -> list[Used]:
        """Use the strategy as variants of those names, one after the other in one process."""
        # Of the module as it is now: a replay in this process may have had own modules imported anew.
        now = importlib.import_module(__name__)
        return self._pool.run(now._use, now._Job(self.folder, variants or ("a",), path))

    def change(self, used: Used) -> str | None:
        """Say what changed since it was used, as seen from the folder."""
        importlib.invalidate_caches()
        before, path = Path.cwd(), sys.path[:]
        os.chdir(self.folder)
        sys.path.insert(0, "")
        try:
            return what_changed(used.dependencies)
        finally:
            os.chdir(before)
            sys.path[:] = path


def compile_in_its_own_process(path: Path) -> None:
    """Leave Python's own bytecode beside a source; here, own modules have none."""
    subprocess.run([sys.executable, "-m", "py_compile", str(path)], check=True, timeout=60)


class _Job(NamedTuple):
    folder: Path
    variants: Sequence[str]
    path: Sequence[str]


def _use(job: _Job) -> list[Used]:
    warnings.simplefilter("error")
    os.chdir(job.folder)
    sys.path[:0] = ["", *job.path]
    record_dependencies()
    return [_use_as(variant) for variant in job.variants]


def _use_as(variant: str) -> Used:
    running.variant = variant
    instance = strategy_maker("own:Own", {"context.variant": variant})({})
    running.variant = ""
    return Used(getattr(instance, "stake", None), dependencies_of(type(instance), variant))
