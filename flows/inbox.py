"""A look through the inbox: what is asked of each archive in it, and what became of each.

Two flows look: `monthly` backtests what it finds, `arrivals` announces it.
"""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Literal, Self

from pydantic import BaseModel, Field

from flows.events import one_line
from flows.parameters import Address, BacktestParameters, Profile
from flows.pending import is_pending
from tasks.addresses import check_address
from tasks.arrival.inbox import (
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    SETTLE_SECONDS,
    Candidate,
    State,
    judge,
    make_inbox,
    watch,
)
from tasks.errors import StageError

logger = logging.getLogger("backtest")

Outcome = Literal["done", "up to date", "announced", "announced before", "still arriving", "broken", "failed"]

TROUBLE = {"broken", "failed"}


class InboxParameters(Profile):
    """Where archives arrive, and what is asked of each."""

    inbox: Address = Field(
        default_factory=lambda asked: f"{asked.get('lake')}/inbox",
        description="The folder where archives arrive: a path or fsspec URL; by default the lake's inbox",
    )
    settle_seconds: float = Field(
        SETTLE_SECONDS, ge=0, description="Seconds between two looks; an archive that changed between is still arriving"
    )
    patience_seconds: float = Field(
        PATIENCE_SECONDS, ge=0, description="Seconds after its last change until an archive without an end is broken"
    )
    look_seconds: float = Field(
        LOOK_SECONDS, gt=0, description="Longest look at an archive, seconds; one that takes longer to read is broken"
    )
    # It goes through Prefect's events to whoever backtests, and there whole or not at all.
    ratings: Address | None = Field(None, description=Profile.model_fields["ratings"].description)

    def of_archive(self, address: str) -> BacktestParameters:
        """Ask the profile of one archive.

        Args:
            address: The archive.

        Returns:
            What to backtest.

        Raises:
            InputError: The address is one that is not taken.
        """
        profile = {name: getattr(self, name) for name in Profile.model_fields}
        return BacktestParameters(archives=[check_address(address)], **profile)

    def check(self) -> None:
        """Check the profile, whichever archives there are.

        Raises:
            InputError: A strategy, a parameter or the ratings it needs are wrong.
        """
        _ = self.of_archive(self.inbox).variants


class ArchiveOutcome(BaseModel):
    """What became of an archive in the inbox.

    Attributes:
        archive: Its address.
        outcome: What became of it.
        sentence: The same in one line that begins with the address, with what was seen.
    """

    archive: str
    outcome: Outcome
    sentence: str

    @classmethod
    def of(cls, archive: Candidate, outcome: Outcome, said: str = "") -> Self:
        """Return what became of an archive.

        Args:
            outcome: What became of it.
            said: What was seen; none where the outcome says it all.

        Returns:
            Its outcome.
        """
        address = archive.address
        sentence = f"{address}: {(said or outcome).removeprefix(f'{address}: ')}"
        return cls(archive=address, outcome=outcome, sentence=sentence)


class InboxRecord(BaseModel):
    """What became of all archives in the inbox.

    Attributes:
        inbox: Its address.
        archives: One each, oldest first.
    """

    inbox: str
    archives: list[ArchiveOutcome]

    def sentence(self) -> str:
        """Return how many ended how.

        Returns:
            One line.
        """
        counted = Counter(archive.outcome for archive in self.archives)
        said = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        return f"inbox {self.inbox}: {said or 'no archives, nothing to do'}"

    def raise_for(self, outcomes: set[str]) -> None:
        """Fail, naming the archives that ended in one of these ways.

        Args:
            outcomes: The ways.

        Raises:
            StageError: There are such archives.
        """
        bad = [archive.sentence for archive in self.archives if archive.outcome in outcomes]
        if bad:
            raise StageError(
                f"{len(bad)} of {len(self.archives)} archives in {self.inbox} could not be taken, the others are seen "
                f"to. {'; '.join(bad)}"
            )


def look_through(
    parameters: InboxParameters, handle: Callable[[Candidate, BacktestParameters], ArchiveOutcome]
) -> InboxRecord:
    """Handle each archive in the inbox, oldest first; one that fails does not stop the others.

    Args:
        parameters: The inbox and the profile.
        handle: Given an archive and what is asked of it, sees to it.

    Returns:
        What became of each.

    Raises:
        InputError: The profile is wrong, or the inbox no folder; nothing was done.
    """
    parameters.check()
    make_inbox(parameters.inbox, parameters.look_seconds)
    outcomes = []
    for archive in watch(parameters.inbox, parameters.settle_seconds, parameters.look_seconds):
        try:
            if archive.fault:
                outcome = ArchiveOutcome.of(archive, "broken", archive.fault)
            else:
                outcome = handle(archive, parameters.of_archive(archive.address))
        except Exception as error:  # noqa: BLE001 - whatever one archive meets with, the others have their turn
            outcome = ArchiveOutcome.of(archive, "failed", one_line(error))
        level = logging.WARNING if outcome.outcome in TROUBLE else logging.INFO
        logger.log(level, "%s", outcome.sentence)
        outcomes.append(outcome)
    record = InboxRecord(inbox=parameters.inbox, archives=outcomes)
    logger.info("%s", record.sentence())
    return record


def left_alone(archive: Candidate, asked: BacktestParameters, parameters: InboxParameters) -> ArchiveOutcome | None:
    """Return what becomes of an archive that is not backtested: not whole, or with nothing to do.

    Args:
        asked: What is asked of it.
        parameters: How patiently to look at it.

    Returns:
        Its outcome; None where it is to be backtested.
    """
    state, sentence = judge(archive, parameters.patience_seconds, parameters.look_seconds)
    if state is State.ARRIVING:
        return ArchiveOutcome.of(archive, "still arriving", sentence)
    if state is State.BROKEN:
        return ArchiveOutcome.of(archive, "broken", sentence)
    return None if is_pending(asked) else ArchiveOutcome.of(archive, "up to date")
