"""The variants of a replay, session after session: what each has so far, and who goes on.

Each session meets a fresh instance of each strategy, with the ratings of its markets alone. What strategies keep
elsewhere, in their class, their modules or the global random state, is looked for after each session.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from flumine import BaseStrategy

from tasks.errors import ChangedSourceError, ReplayError
from tasks.orders.job import ReplayJob
from tasks.simulation import blame
from tasks.simulation.framework import quiet
from tasks.simulation.instance_times import Took
from tasks.simulation.kept_state import seed
from tasks.simulation.lean import ChangedBookError, LeanStream, WatchedStream
from tasks.simulation.leavings import Leavings
from tasks.simulation.replayed import Replayed
from tasks.simulation.session_replay import Entry, Outcome, replay_alone, replay_side_by_side
from tasks.simulation.surroundings import Surroundings
from tasks.simulation.ticks import Streamed, Ticks
from tasks.variants.dependencies.opened_files import recorder
from tasks.variants.dependencies.record import dependencies_of, record_dependencies
from tasks.variants.guarded_config import ChangedConfigError, guard_config, restore_config, take_refusals
from tasks.variants.running import running
from tasks.variants.strategy_class import find_strategy, strategy_maker
from tasks.variants.variant import FLUMINE, Variant
from tasks.watch import Overrun, watch

if TYPE_CHECKING:
    from tasks.orders.refusal import Refusal
    from tasks.rejects import Reject
    from tasks.simulation.blame import Place
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
        refused: What flumine refused of what its strategy asked.
        took: How long it took so far.
        carries: Attributes that its strategy would carry from one session into the next, as the first that had any
            shows; each session meets a fresh instance.
    """

    def __init__(self, variant: Variant, job: ReplayJob) -> None:
        """Find a variant's strategy.

        Args:
            job: What it is replayed on.

        Raises:
            ChangedSourceError: The strategy is not the one that was planned.
            StrategyError: It cannot be found.
        """
        self.variant = variant
        self.is_stranger = not variant.is_ours
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
        self.refused: list[Refusal] = []
        self.carries: tuple[str, ...] = ()
        self.took = Took()

    def entry(self, market_ids: Sequence[str]) -> Entry:
        """Enter it in a session.

        Args:
            market_ids: The session's markets, whose ratings it is given.

        Returns:
            The entry.
        """
        # Of one instance for several markets it is known that it may carry something over.
        may_lose = self.is_stranger and self.variant.session == "market"
        make = partial(self._make_with_ratings, market_ids)
        return Entry(self.variant, make, market_ids, tells_carried=may_lose and not self.carries)

    def take(self, market_ids: Iterable[str], outcome: Outcome) -> None:
        """Take what a session gave it.

        Args:
            market_ids: The session's markets.
            outcome: Its orders, or why there are none.
        """
        self.carries = self.carries or tuple(outcome.carries)
        if outcome.rejects:
            self.rejects.extend(outcome.rejects)
        else:
            self.markets.extend(market_ids)
            self.rows.extend(outcome.rows)
            self.refused.extend(outcome.refused)

    def _make_with_ratings(self, market_ids: Iterable[str]) -> BaseStrategy:
        rated = {market_id: self._ratings.get(market_id) for market_id in market_ids}
        return self._make({market_id: dict(prices) for market_id, prices in rated.items() if prices})

    @property
    def replayed(self) -> Replayed:
        """What the replay gave it, and all that it used for that."""
        depends = self._depends.merged(dependencies_of(self.strategy, self.variant.id))
        return Replayed(self.rows, self.markets, self.rejects, depends, self.carries, self.refused)


class Company:
    """Variants that are replayed side by side, session after session.

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
        self._limits, self._ticks = job.limits, 0
        self._where: Callable[[], str | Place] = partial(str, "before the first market")
        watch.explain = partial(self._explain, threading.get_ident())
        watch.begin(self._limits.replaying("its strategies' import"))
        running.begin()
        quiet()
        guard_config(job.variants[0].settings)
        record_dependencies()
        self._has_strangers = not all(variant.is_ours for variant in job.variants)
        self._folder, self._before = Path.cwd(), Surroundings()
        self.members: list[Member] = []
        self.failures: list[ReplayError] = []
        self.leavers: list[str] = []
        for variant in job.variants:
            running.variant = variant.id
            seed(variant.name.partition(":")[0])  # a module may draw numbers as it is imported
            try:
                self.members.append(Member(variant, job))
            except ChangedSourceError:
                raise
            except BaseException as error:  # noqa: BLE001 - a module may raise anything
                self.failures.append(blame.failure(variant.id, error, "before the first market"))
        running.variant = ""
        self._imported = self._before
        if len(self._strangers) > 1:
            # A module changed them as it was imported, and nobody knows which.
            self.end()
        # One that is by itself may have changed what it likes, as it would without us.
        self._imported = Surroundings()
        # What the last session leaves behind for nobody does not matter.
        is_last_of_one = len(job.sessions) == len(self._strangers) == 1
        self._leavings = Leavings([] if is_last_of_one else [(m.strategy, m.variant.id) for m in self._strangers])

    @property
    def _strangers(self) -> list[Member]:
        return [member for member in self.members if member.is_stranger]

    def replay(self, session: Sequence[Streamed]) -> None:
        """Replay a session for all members.

        Args:
            session: Its markets.

        Raises:
            ReplayError: Something that all share was changed or is lacking, which spoils it for all.
            LakeError: Messages cannot be read.
        """
        if not self.members:
            return
        market_ids = tuple(market.market_id for market in session)
        self._ticks = 0
        session = [market._replace(read=partial(self._read, market)) for market in session]
        watch.begin(self._limits.replaying(f"market {market_ids[0]}, before its first tick"))
        for member in self._strangers:
            recorder.opened_by(member.variant.id).begin_market()
        # Where several draw at random, each is replayed again by itself.
        first = (self._strangers or self.members)[0]
        self._leavings.begin(" ".join((first.variant.fingerprint, *market_ids)))
        entries = {member: member.entry(market_ids) for member in self.members}
        started = perf_counter()
        self._play(list(entries.values()), session)
        making = sum(entry.seconds_making for entry in entries.values())
        share = (perf_counter() - started - making) / len(entries)
        for member, entry in entries.items():
            member.took = member.took.plus(Took(entry.seconds_making, share, 1))
        left_by = self._leavings.left_by()
        for member, entry in entries.items():
            outcome = entry.outcome
            if member.variant.id in left_by:
                self.leavers.append(member.variant.id)
            elif outcome.failure:
                self.failures.append(outcome.failure)
            else:
                member.take(market_ids, outcome)
                continue
            self.members.remove(member)

    def _play(self, entries: Sequence[Entry], session: Sequence[Streamed]) -> None:
        variant = entries[0].variant
        ticks = Ticks(session, WatchedStream if self._strangers else LeanStream, variant.listener_kwargs)
        try:
            if variant.engine == FLUMINE:
                self._where = partial(str, f"in market {session[0].market_id}")
                replay_alone(session, entries, variant.listener_kwargs)
            else:
                self._where = partial(getattr, ticks, "place")
                replay_side_by_side(ticks, entries, self._leavings)
            restore_config()
        except (ChangedBookError, ChangedConfigError) as error:
            # Found later than it was done, so it is known who did it only where nobody else could have.
            raise blame.failure(self._suspect, error, f"found {ticks.place}") from None
        finally:
            running.variant = ""
        refused = take_refusals()
        for entry in entries:
            if entry.id in refused:
                entry.refuse(ChangedConfigError(refused[entry.id]))

    @contextmanager
    def suspecting(self) -> Iterator[None]:
        """Take what is raised for a strategy's fault where one has changed what is everybody's: files, memory, names.

        Raises:
            ReplayError: In place of what was raised.
        """
        try:
            yield
        except (ReplayError, ChangedSourceError):
            raise
        except BaseException as error:
            changed = self._before.changes() if self._has_strangers else ()
            if not changed:
                raise
            raise blame.failure(self._suspect, error, f"after a change of {', '.join(changed)}") from None

    def end(self) -> None:
        """Look whether any strategy has changed what is everybody's of the process; nobody knows then who did.

        All strangers have to be replayed by themselves, also those that failed: they may have failed of that.
        """
        if not self._has_strangers or not self._imported.changes():
            return
        strangers = {member.variant.id for member in self._strangers}
        failed = {failure.variant for failure in self.failures}
        self.leavers += [*sorted(strangers | failed)]
        self.members = [member for member in self.members if not member.is_stranger]
        self.failures = []

    def come_back(self) -> None:
        """Go back to the folder from which paths are told."""
        os.chdir(self._folder)

    @property
    def _suspect(self) -> str:
        """The one stranger's id, where there is no other."""
        strangers = [member.variant.id for member in self._strangers]
        return strangers[0] if len(strangers) == 1 else ""

    def _read(self, market: Streamed) -> Sequence[str]:
        """Read a market's messages; whoever waits is told of them."""
        watch.begin(self._limits.reading(f"the reading of market {market.market_id}"))
        messages = market.read()
        self._ticks += len(messages) * len(self.members)
        watch.begin(self._limits.replaying(f"market {market.market_id}", self._ticks))
        return messages

    def _explain(self, thread: int, overrun: Overrun) -> ReplayError:
        """Return where the replay is that takes too much."""
        frame = sys._current_frames().get(thread)  # noqa: SLF001 - nothing public tells where a thread is
        return blame.overrun(running.variant, overrun, self._where(), frame)
