"""Every exception this project raises on purpose; nothing else raises or catches here.

    BacktestError
    ├── InputError            what the user gave is wrong: a parameter, an archive, a CSV file
    │   ├── ArchiveError      an archive cannot be read at all
    │   ├── RatingsFileError  a ratings file cannot be read at all
    │   └── StrategyError     a strategy's name or parameters are wrong
    ├── RatingsServiceError   a ratings service did not give a day
    ├── LakeError             a file of the lake is not what its dataset says
    │   ├── DamagedFileError  its bytes are not those that were written
    │   └── ReplacedOrdersError  orders are missing, or those of another selection of markets
    ├── ReplayError           a strategy raised during a replay, looped, leaked, or changed what all variants share
    ├── ChangedSourceError    a strategy's source, or a ratings file, changed since the run was planned
    ├── PrefectError          Prefect's server did not start, or does not answer
    ├── WorkerError           a worker process died, and the one after it
    ├── JobError              a worker's job raised what is none of these
    ├── StageError            a stage finished without all that was asked of it
    └── BalanceError          counts or money that must add up do not

The text of each is one line for a person: which file, row or parameter, what is wrong, what would be right.
All survive pickling, because they cross from worker processes.
"""

from collections.abc import Sequence


class BacktestError(Exception):
    """Root of the tree: catching it catches all that this project raises on purpose."""


class InputError(BacktestError):
    """What the user gave is wrong; the text says what would be right."""


class ArchiveError(InputError):
    """An archive cannot be read at all (single bad members are rejects, not errors)."""


class RatingsFileError(InputError):
    """A ratings file cannot be read at all (single bad rows are rejects, not errors)."""


class StrategyError(InputError):
    """A strategy's name or parameters are wrong."""


class RatingsServiceError(BacktestError):
    """A ratings service did not give a day: the address, the day and what came instead."""


class LakeError(BacktestError):
    """A file of the lake is not what its dataset says, or a table does not fit its dataset."""


class DamagedFileError(LakeError):
    """A file's bytes are not those that were written; it was deleted, and is made again by the stage that makes it."""


class ReplacedOrdersError(LakeError):
    """A chunk's orders are missing, or those of another selection of markets or of other ratings."""


class ReplayError(BacktestError):
    """A strategy raised during a replay, looped, leaked, or changed what all share: who, in which market and tick.

    Attributes:
        variant: Its id; empty where nobody knows whose fault it was.
    """

    def __init__(self, said: str, variant: str = "") -> None:
        super().__init__(said, variant)
        self.variant = variant

    def __str__(self) -> str:
        return str(self.args[0])


class ChangedSourceError(BacktestError):
    """A strategy's source, what it uses, or a ratings file changed since the run was planned, which starts again."""


class PrefectError(BacktestError):
    """Prefect's server did not start, or does not answer; the text says what it lacks."""


class WorkerError(BacktestError):
    """A worker process died, and so did the one that did its task again."""


class JobError(BacktestError):
    """A worker's job raised what this project raises nowhere on purpose: its type and text; its traceback is a note."""


class StageError(BacktestError):
    """A stage finished without all that was asked of it.

    Attributes:
        failures: Why, each task's own.
    """

    def __init__(self, said: str, failures: Sequence[Exception] = ()) -> None:
        super().__init__(said, tuple(failures))
        self.failures = tuple(failures)

    def __str__(self) -> str:
        return str(self.args[0])


class BalanceError(BacktestError):
    """Counts or money that must add up do not."""
