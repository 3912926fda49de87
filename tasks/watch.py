"""What a job says of itself as it goes on, for whoever waits for it and ends it where it takes too much.

Nobody listens where a job is done without a process of its own; then nothing is said.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import BacktestError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable


class Step(NamedTuple):
    """A part of a job that has just begun.

    Attributes:
        what: What is being done, as a person would say it: `market 1.200806927`.
        seconds: The longest it may take.
        megabytes: The most memory that the process may have meanwhile, as the system counts it (RSS).
        parameter: What gives it longer.
    """

    what: str
    seconds: float = math.inf
    megabytes: float = math.inf
    parameter: str = ""


class Overrun(NamedTuple):
    """What a job took that is too much.

    Attributes:
        took: What, in words: `more than 60 s`.
        advice: What would give it more; may be empty.
    """

    took: str
    advice: str


def _name_nobody(overrun: Overrun) -> BacktestError:
    return WorkerError(f"a worker took {overrun.took}")


class Watch:
    """The job of this process.

    Attributes:
        listener: Is told of each step; None where nobody is.
        explain: Makes the error of a job that took too much, while it is still running.
    """

    def __init__(self) -> None:
        self.listener: Callable[[Step], None] | None = None
        self.explain: Callable[[Overrun], BacktestError] = _name_nobody

    def begin(self, step: Step) -> None:
        """Say that a step begins, and that the one before it has ended."""
        if self.listener is not None:
            self.listener(step)


watch = Watch()
"""Of this process, in which one job is done at a time."""
