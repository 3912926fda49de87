"""The interface for CPU-bound jobs: this machine's processes (`workers.py`) or a cluster's (`cluster/`) do them."""

from collections.abc import Callable
from typing import Protocol, TypeVar

J = TypeVar("J")
T = TypeVar("T")


class Executor(Protocol):
    """Runs jobs, each in a fresh process.

    Attributes:
        width: The number of concurrent jobs, now.
        most: The number of jobs to give it at once: `width`, or more if it may grow.
    """

    @property
    def width(self) -> int: ...  # noqa: D102 - documented above

    @property
    def most(self) -> int: ...  # noqa: D102 - documented above

    def run(self, work: Callable[[J], T], job: J, passed: Callable[[int], object] | None = None) -> T:
        """Run `work(job)` in a process and wait for its result; thread-safe.

        Args:
            work: A module-level function.
            job: Its argument.
            passed: Called now and then with how many of the job's markets or members are done, where it can be told.

        Raises:
            BacktestError: It raised one of this project's exceptions, or a `JobError` for any other.
            WorkerError: Two processes died running it, or exceeded a limit without answering.
        """
        ...
