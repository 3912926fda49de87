"""What a task or stage counted, and the one place that says *Cached* to Prefect.

The lake decides whether work is to be done: a task whose files are there with the right fingerprints does none and ends
in the state Cached. Prefect's own result cache is not used: it would be a second memory of what the lake knows, and
could disagree with it. So wiping Prefect's database costs no work, and deleting a lake file costs just that file.
"""

from collections.abc import Iterable
from typing import Self, TypeVar, cast

from prefect.states import Completed
from pydantic import BaseModel, Field

from tasks.errors import BalanceError


class Tally(BaseModel):
    """What went in and came out.

    Attributes:
        cached: Whether all of it was there already.
        taken: What went in; called `in` in JSON.
        out: What came out.
        rejected: What was left out, with a reason in `rejects`.
    """

    cached: bool
    taken: int = Field(serialization_alias="in")
    out: int
    rejected: int = 0

    @classmethod
    def of(cls, tallies: Iterable["Tally"]) -> Self:
        """Add tallies up.

        Args:
            tallies: Of the parts of a whole.

        Returns:
            The whole's; cached where all parts are.
        """
        parts = list(tallies)
        return cls(
            cached=all(part.cached for part in parts),
            taken=sum(part.taken for part in parts),
            out=sum(part.out for part in parts),
            rejected=sum(part.rejected for part in parts),
        )

    def balanced(self, stage: str) -> Self:
        """Check that nothing was lost.

        Args:
            stage: For the error's text.

        Returns:
            Itself.

        Raises:
            BalanceError: In is not out plus rejected.
        """
        if self.taken != self.out + self.rejected:
            raise BalanceError(
                f"{stage}: {self.taken} went in, but {self.out} came out and {self.rejected} were rejected"
            )
        return self


class StageRecord(Tally):
    """What a stage did.

    Attributes:
        seconds: How long it took.
    """

    seconds: float = 0


T = TypeVar("T", bound=Tally)


def completed(tally: T) -> T:
    """End a task or a flow with what it counted, in the state Cached where it had nothing to do.

    Args:
        tally: What it counted.

    Returns:
        What the task or flow has to return: the tally, or a state that carries it. Prefect gives the caller the tally
        either way, so that is the declared type.
    """
    if not tally.cached:
        return tally
    return cast("T", Completed(name="Cached", message="Everything was in the lake already", data=tally))
