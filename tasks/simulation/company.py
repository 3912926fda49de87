"""The variants of a replay, market after market: what each has so far, and who goes on.

Each market meets a fresh instance of each strategy, with the ratings of that market alone. What strategies keep
elsewhere, in their class, their modules or the global random state, is looked for after each market.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from flumine import BaseStrategy

from strategies import STRATEGIES
from tasks.errors import ChangedSourceError, ReplayError
from tasks.simulation import blame
from tasks.simulation.blame import WHATEVER, Place
from tasks.simulation.dependencies.opened_files import recorder
from tasks.simulation.dependencies.record import dependencies_of, record_dependencies
from tasks.simulation.framework import quiet
from tasks.simulation.guarded_config import ChangedConfigError, guard_config, restore_config, take_refusals
from tasks.simulation.job import Replayed, ReplayJob
from tasks.simulation.lean_stream import LeanStream
from tasks.simulation.leavings import Leavings, surroundings
from tasks.simulation.market_replay import Entry, Outcome, replay_alone, replay_side_by_side
from tasks.simulation.running import running
from tasks.simulation.strategy_class import find_strategy, strategy_maker
from tasks.simulation.stream import LakeStream
from tasks.simulation.variant import FLUMINE, Variant
from tasks.simulation.watched_book import ChangedBookError, WatchedStream
from tasks.simulation.window import Window

if TYPE_CHECKING:
    from tasks.rejects import Reject
    from tasks.simulation.order_rows import Row


class Member:
    """A variant, and what it has so far.

    Attributes:
        variant: The variant.
        is_stranger: Whether its strategy is not this project's, whose strategies are tested to leave nothing behind and
            to change nothing that others see.
        rows: Its orders.
        markets: The markets it was replayed on.
        rejects: Those it cannot be replayed on.
    """

    def __init__(self, variant: Variant, job: ReplayJob) -> None:
        """Find a variant's strategy.

        Args:
            variant: The variant.
            job: What it is replayed on.

        Raises:
            ChangedSourceError: The strategy is not the one that was planned.
            StrategyError: It cannot be found.
        """
        self.variant = variant
        self.is_stranger = variant.name not in STRATEGIES
        self.strategy = find_strategy(variant.name)
        recorder.forget(variant.id)
        self._depends = dependencies_of(self.strategy)
        if self._depends.digest != variant.source:
            raise ChangedSourceError(f"{variant.id}: its source changed while the run was under way")
        self._make = strategy_maker(variant.name, variant.parameters)
        self._ratings = job.ratings.get(variant.ratings, {})
        self.rows: list[Row] = []
        self.markets: list[str] = []
        self.rejects: list[Reject] = []

    def make(self, market_id: str) -> BaseStrategy:
        """Make a fresh instance of the strategy.

        Args:
            market_id: The market that it is to meet, whose ratings it is given.

        Returns:
            The instance.
        """
        rated = self._ratings.get(market_id)
        return self._make({market_id: dict(rated)} if rated else {})

    def take(self, market_id: str, outcome: Outcome) -> None:
        """Take what a market gave it.

        Args:
            market_id: The market.
            outcome: Its orders, or why there are none.
        """
        if outcome.reject:
            self.rejects.append(outcome.reject)
        else:
            self.markets.append(market_id)
            self.rows.extend(outcome.rows)

    @property
    def replayed(self) -> Replayed:
        """What the replay gave it, and all that it used for that."""
        depends = self._depends.merged(dependencies_of(self.strategy, self.variant.id))
        return Replayed(self.rows, self.markets, self.rejects, depends)


class Company:
    """Variants that are replayed side by side, market after market.

    Attributes:
        members: Those that go on.
        failures: Why others do not.
        leavers: Ids of others that left something behind; what they had so far is not to be believed.
    """

    def __init__(self, job: ReplayJob) -> None:
        """Find the variants' strategies.

        Args:
            job: What is replayed.

        Raises:
            ChangedSourceError: A strategy is not the one that was planned.
        """
        quiet()
        guard_config()
        record_dependencies()
        self._job = job
        before = surroundings()
        self.members: list[Member] = []
        self.failures: list[ReplayError] = []
        self.leavers: list[str] = []
        for variant in job.variants:
            running.variant = variant.id
            try:
                self.members.append(Member(variant, job))
            except ChangedSourceError:
                raise
            except WHATEVER as error:
                self.failures.append(blame.failure(variant.id, error, "before the first market"))
        running.variant = ""
        if len(self._strangers) > 1 and surroundings() != before:
            # A module changed them as it was imported, and nobody knows which.
            self.leavers = [member.variant.id for member in self._strangers]
            self.members = [member for member in self.members if not member.is_stranger]
        # What the last market leaves behind for nobody does not matter.
        is_last_of_one = len(job.market_ids) == len(self._strangers) == 1
        self._leavings = Leavings([] if is_last_of_one else [(m.strategy, m.variant.id) for m in self._strangers])

    @property
    def _strangers(self) -> list[Member]:
        return [member for member in self.members if member.is_stranger]

    def replay(self, market_id: str, messages: Sequence[str]) -> None:
        """Replay a market for all members.

        Args:
            market_id: The market.
            messages: JSON of each.

        Raises:
            ReplayError: A limit was reached, or something that all share was changed, which spoils it for all.
        """
        if not self.members:
            return
        for member in self._strangers:
            recorder.opened_by(member.variant.id).begin_market()
        # Where several draw at random, each is replayed again by itself.
        first = (self._strangers or self.members)[0]
        self._leavings.begin(f"{first.variant.fingerprint} {market_id}")
        entries = {member: Entry(member.variant, partial(member.make, market_id), market_id) for member in self.members}
        self._play(list(entries.values()), market_id, messages)
        left_by = self._leavings.left_by()
        for member, entry in entries.items():
            outcome = entry.outcome
            if member.variant.id in left_by:
                self.leavers.append(member.variant.id)
            elif outcome.failure:
                self.failures.append(outcome.failure)
            else:
                member.take(market_id, outcome)
                continue
            self.members.remove(member)

    def _play(self, entries: Sequence[Entry], market_id: str, messages: Sequence[str]) -> None:
        variant = entries[0].variant
        arguments = Window.parse(variant.window).listener_kwargs
        kind = LakeStream if variant.engine == FLUMINE else WatchedStream if self._strangers else LeanStream
        stream = kind(market_id, messages, arguments)
        try:
            if isinstance(stream, LeanStream):
                replay_side_by_side(stream, entries, self._leavings)
            else:
                for entry in entries:
                    replay_alone(kind(market_id, messages, arguments), entry)
            restore_config()
        except (ChangedBookError, ChangedConfigError) as error:
            # Found later than it was done, so it is known who did it only where nobody else could have.
            suspects = [member.variant.id for member in self._strangers]
            place = Place(market_id, stream.publish_time)
            raise blame.failure(suspects[0] if len(suspects) == 1 else "", error, f"found {place}") from None
        finally:
            running.variant = ""
        refused = take_refusals()
        for entry in entries:
            if entry.id in refused:
                entry.refuse(ChangedConfigError(refused[entry.id]))
