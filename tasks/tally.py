"""Counts of a task or stage, and its Prefect state *Cached* if there was nothing to do.

The lake decides whether there is work: a task whose files exist with the right fingerprints does none and ends as
Cached. Prefect's own result cache is not used: it would be a second source of truth. So wiping Prefect's database
costs no work, and deleting a file of the lake costs only that file.
"""

from collections.abc import Iterable
from typing import Self, TypeVar, cast

from prefect.states import Completed
from pydantic import BaseModel, Field

from tasks.errors import BalanceError


class Tally(BaseModel):
    """Counts of input and output.

    Attributes:
        cached: Whether all of the output was in the lake already.
        taken: Inputs; `in` in JSON.
        out: Outputs.
        rejected: Inputs left out, each with a reason in `rejects`.
    """

    cached: bool
    taken: int = Field(serialization_alias="in")
    out: int
    rejected: int = 0

    @classmethod
    def of(cls, tallies: Iterable["Tally"]) -> Self:
        """Add up the tallies of parts; the sum is cached if all parts are."""
        parts = list(tallies)
        return cls(
            cached=all(part.cached for part in parts),
            taken=sum(part.taken for part in parts),
            out=sum(part.out for part in parts),
            rejected=sum(part.rejected for part in parts),
        )

    def balanced(self, stage: str) -> Self:
        """Return itself, after checking that nothing was lost.

        Args:
            stage: For the message.

        Raises:
            BalanceError: Input is not output plus rejected.
        """
        if self.taken != self.out + self.rejected:
            raise BalanceError(
                f"{stage}: {self.taken} went in, but {self.out} came out and {self.rejected} were rejected"
            )
        return self


class StageRecord(Tally):
    """A stage's tally with its duration in seconds."""

    seconds: float = 0


T = TypeVar("T", bound=Tally)


def completed(tally: T) -> T:
    """Return a task's or flow's return value: its tally, or if cached, a state *Cached* with the tally.

    Prefect gives the caller the tally either way, so that is the declared type.
    """
    if not tally.cached:
        return tally
    return cast("T", Completed(name="Cached", message="Everything was in the lake already", data=tally))
