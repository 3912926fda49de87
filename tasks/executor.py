"""Who does the work that binds a core: the seam at which another engine than processes of this machine may stand."""

from collections.abc import Callable
from typing import Protocol, TypeVar

J = TypeVar("J")
T = TypeVar("T")


class Executor(Protocol):
    """Does jobs, each in a process that has done nothing else.

    Attributes:
        width: How many at once.
    """

    @property
    def width(self) -> int: ...  # noqa: D102 - said above

    def run(self, work: Callable[[J], T], job: J) -> T:
        """Have a job done; for threads, of which each waits for its own.

        Args:
            work: A module's function.
            job: What it is given.

        Returns:
            What it returns.

        Raises:
            BacktestError: What it raised, as text: an error of this project as what it is, any other as a `JobError`.
            WorkerError: Two processes died of it, or took too much and could not say where.
        """
        ...
