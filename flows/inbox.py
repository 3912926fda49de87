"""Go through the inbox and handle each archive: `monthly` backtests them, `arrivals` announces them."""

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
    """Where archives arrive, and what to backtest on each."""

    inbox: Address = Field(
        default_factory=lambda asked: f"{asked.get('lake')}/inbox",
        description="The folder where archives arrive: a path or fsspec URL; by default the lake's inbox",
    )
    settle_seconds: float = Field(
        SETTLE_SECONDS, ge=0, description="Seconds between two looks; an archive that changes meanwhile is arriving"
    )
    patience_seconds: float = Field(
        PATIENCE_SECONDS, ge=0, description="Seconds after its last change until an incomplete archive is broken"
    )
    look_seconds: float = Field(
        LOOK_SECONDS, gt=0, description="Time limit to read an archive, seconds; one that takes longer is broken"
    )
    # Without a query: the address passes through Prefect's events, where its query would be stripped.
    ratings: Address | None = Field(None, description=Profile.model_fields["ratings"].description)

    def of_archive(self, address: str) -> BacktestParameters:
        """Return the profile's backtest of one archive.

        Raises:
            InputError: The address contains a secret or is not UTF-8.
        """
        profile = {name: getattr(self, name) for name in Profile.model_fields}
        return BacktestParameters(archives=[check_address(address)], **profile)

    def check(self) -> None:
        """Check the profile, without any archive.

        Raises:
            InputError: A strategy, a parameter or the ratings it needs are wrong.
        """
        _ = self.of_archive(self.inbox).variants


class ArchiveOutcome(BaseModel):
    """The outcome of an archive in the inbox.

    Attributes:
        archive: Its address.
        outcome: The outcome.
        sentence: The outcome with details, in one line that begins with the address.
    """

    archive: str
    outcome: Outcome
    sentence: str

    @classmethod
    def of(cls, archive: Candidate, outcome: Outcome, said: str = "") -> Self:
        """Make an outcome; `said` has the details, if there are any."""
        address = archive.address
        sentence = f"{address}: {(said or outcome).removeprefix(f'{address}: ')}"
        return cls(archive=address, outcome=outcome, sentence=sentence)


class InboxRecord(BaseModel):
    """The outcomes of all archives in the inbox.

    Attributes:
        inbox: Its address.
        archives: Oldest first.
    """

    inbox: str
    archives: list[ArchiveOutcome]

    def sentence(self) -> str:
        """Count the outcomes, in one line."""
        counted = Counter(archive.outcome for archive in self.archives)
        said = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        return f"inbox {self.inbox}: {said or 'no archives, nothing to do'}"

    def raise_for(self, outcomes: set[str]) -> None:
        """Raise if any archive has one of these outcomes.

        Raises:
            StageError: There are such archives; the message lists them.
        """
        bad = [archive.sentence for archive in self.archives if archive.outcome in outcomes]
        if bad:
            raise StageError(
                f"{len(bad)} of {len(self.archives)} archives in {self.inbox} failed; the others are done. "
                f"{'; '.join(bad)}"
            )


def look_through(
    parameters: InboxParameters, handle: Callable[[Candidate, BacktestParameters], ArchiveOutcome]
) -> InboxRecord:
    """Handle each archive in the inbox, oldest first, even if some fail.

    Args:
        parameters: The inbox and the profile.
        handle: Handles an archive, given its backtest's parameters.

    Returns:
        The outcome of each archive.

    Raises:
        InputError: The profile is wrong, or the inbox is not a folder; nothing was done.
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
        except Exception as error:  # noqa: BLE001 - one archive's failure must not stop the others
            outcome = ArchiveOutcome.of(archive, "failed", one_line(error))
        level = logging.WARNING if outcome.outcome in TROUBLE else logging.INFO
        logger.log(level, "%s", outcome.sentence)
        outcomes.append(outcome)
    record = InboxRecord(inbox=parameters.inbox, archives=outcomes)
    logger.info("%s", record.sentence())
    return record


def left_alone(archive: Candidate, asked: BacktestParameters, parameters: InboxParameters) -> ArchiveOutcome | None:
    """Return the outcome of an archive that is incomplete or up to date; None if it needs a backtest.

    Args:
        archive: The archive.
        asked: Its backtest's parameters.
        parameters: The time limits.
    """
    state, sentence = judge(archive, parameters.patience_seconds, parameters.look_seconds)
    if state is State.ARRIVING:
        return ArchiveOutcome.of(archive, "still arriving", sentence)
    if state is State.BROKEN:
        return ArchiveOutcome.of(archive, "broken", sentence)
    return None if is_pending(asked) else ArchiveOutcome.of(archive, "up to date")
