"""Every exception this project raises on purpose.

    BacktestError
    ├── InputError            the user's input is wrong: a parameter, an archive, a CSV file
    │   ├── ArchiveError      an archive cannot be read at all
    │   ├── NotExtractedError  an archive is not completely extracted
    │   ├── RatingsFileError  a ratings file cannot be read at all
    │   └── StrategyError     a strategy's name or parameters are wrong
    ├── RatingsServiceError   a ratings service did not return a day
    ├── LakeError             a file of the lake does not fit its dataset, or cannot be read or written
    │   ├── ChangedFileError  a file is not the one that the run planned with
    │   ├── DamagedFileError  a file is corrupt
    │   └── ReplacedOrdersError  orders are missing, or those of another selection of markets
    ├── ReplayError           a strategy raised during a replay, looped, leaked, or changed shared state
    ├── ChangedSourceError    a strategy's source, or a ratings file, changed since the run was planned
    ├── PrefectError          Prefect's server did not start, or does not answer
    ├── ClusterError          a Dask cluster does not answer, or a machine of it cannot do the work
    ├── WorkerError           a worker process died, and so did the one that retried its task
    ├── JobError              a worker's job raised an exception that is none of these
    ├── StageError            a stage finished incompletely
    └── BalanceError          counts or money that must add up do not

Each message is one line for the user: which file, row or parameter, what is wrong, what would be right.
All can be pickled, because they cross from worker processes.
"""

from collections.abc import Sequence


class BacktestError(Exception):
    """Root of this project's exceptions."""


class InputError(BacktestError):
    """The user's input is wrong; the message says what would be right."""


class ArchiveError(InputError):
    """An archive cannot be read at all (single bad members are rejects, not errors)."""


class NotExtractedError(InputError):
    """An archive is not completely extracted, or not by this version; the message says what to run."""


class RatingsFileError(InputError):
    """A ratings file cannot be read at all (single bad rows are rejects, not errors)."""


class StrategyError(InputError):
    """A strategy's name or parameters are wrong."""


class RatingsServiceError(BacktestError):
    """A ratings service did not return a day; the message has the address, the day and the response."""


class LakeError(BacktestError):
    """A file or table does not fit its dataset, or the lake cannot be read or written."""


class ChangedFileError(LakeError):
    """A file is not the one that the run planned with: another run, or another version, has replaced it."""


class DamagedFileError(LakeError):
    """A file is corrupt; it was deleted, and its stage makes it again."""


class ReplacedOrdersError(LakeError):
    """A chunk's orders are missing, or those of another selection of markets or of other ratings."""


class ReplayError(BacktestError):
    """A strategy raised during a replay, looped, leaked, or changed shared state; the message has market and tick.

    Attributes:
        variant: Id of the variant at fault; empty if unknown.
    """

    def __init__(self, said: str, variant: str = "") -> None:
        super().__init__(said, variant)
        self.variant = variant

    def __str__(self) -> str:
        return str(self.args[0])


class ChangedSourceError(BacktestError):
    """A strategy's source, its dependencies, or a ratings file changed since the run was planned; the run restarts."""


class PrefectError(BacktestError):
    """Prefect's server did not start, or does not answer; the message says why."""


class ClusterError(BacktestError):
    """A Dask cluster does not answer or is lost, or a machine of it cannot do the work; the message says why."""


class WorkerError(BacktestError):
    """A worker process died, and so did the one that retried its task."""


class JobError(BacktestError):
    """A worker's job raised an exception of another type; the message has its type and text, a note its traceback."""


class StageError(BacktestError):
    """A stage finished incompletely.

    Attributes:
        failures: The exceptions of its failed tasks.
    """

    def __init__(self, said: str, failures: Sequence[Exception] = ()) -> None:
        super().__init__(said, tuple(failures))
        self.failures = tuple(failures)

    def __str__(self) -> str:
        return str(self.args[0])


class BalanceError(BacktestError):
    """Counts or money that must add up do not."""
