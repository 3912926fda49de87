"""Report a job's current step and its limits to the process that waits for it, which ends it if it exceeds them.

A job that runs in the calling process has no listener.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from tasks.errors import BacktestError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable


class Step(NamedTuple):
    """A part of a job that has just begun, with its limits.

    Attributes:
        what: Its description for the user: `market 1.200806927`.
        seconds: Time limit.
        megabytes: Limit of the process's resident memory (RSS).
        parameter: The parameter that raises the time limit.
        passed: How many of the job's markets or members were done when it began.
    """

    what: str
    seconds: float = math.inf
    megabytes: float = math.inf
    parameter: str = ""
    passed: int = 0


class Overrun(NamedTuple):
    """A job's excess over a limit.

    Attributes:
        took: In words: `more than 60 s`.
        advice: How to raise the limit; may be empty.
    """

    took: str
    advice: str


def _name_nobody(overrun: Overrun) -> BacktestError:
    return WorkerError(f"a worker took {overrun.took}")


class Watch:
    """Watches the job of this process.

    Attributes:
        listener: Called with each step; None without a listener.
        explain: Makes the error for a job that exceeded a limit, while it is still running.
        passed: How many of the job's markets or members are done.
    """

    def __init__(self) -> None:
        self.listener: Callable[[Step], None] | None = None
        self.explain: Callable[[Overrun], BacktestError] = _name_nobody
        self.passed = 0

    def begin(self, step: Step) -> None:
        """Report that a step begins, which ends the previous one."""
        if self.listener is not None:
            self.listener(step._replace(passed=self.passed))


watch = Watch()
"""The only instance: a process runs one job at a time."""
