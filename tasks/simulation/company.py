"""The variants of a replay, session after session: what each has so far, and which ones continue.

Each session gets a fresh instance of each strategy, with the ratings of its markets only. After each session, state
that strategies keep elsewhere (in their class, their modules or the global random state) is detected.
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
    """A variant and its results so far.

    Attributes:
        is_stranger: Whether its strategy is not one of this project's, which are tested to leave nothing behind and to
            change nothing shared.
        rows: Its orders.
        markets: The markets it was replayed on.
        rejects: Those it cannot be replayed on.
        refused: Orders and changes of orders that flumine refused.
        took: Its times so far.
        carries: Attributes that its strategy would carry from one session into the next, from the first session that
            shows any; each session gets a fresh instance.
    """

    def __init__(self, variant: Variant, job: ReplayJob, kind: type[Entry]) -> None:
        """Find a variant's strategy.

        Args:
            kind: What it enters sessions as.

        Raises:
            ChangedSourceError: The strategy is not the one that was planned.
            StrategyError: It cannot be found.
        """
        self.variant, self._kind = variant, kind
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
        """Return its entry in a session; the instance receives only the ratings of these markets."""
        # An instance that spans several markets is known to carry state over.
        may_lose = self.is_stranger and self.variant.session == "market"
        make = partial(self._make_with_ratings, market_ids)
        return self._kind(self.variant, make, market_ids, tells_carried=may_lose and not self.carries)

    def take(self, market_ids: Iterable[str], outcome: Outcome) -> None:
        """Add the outcome of a session."""
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
        """Its results, and all files and modules it used for them."""
        depends = self._depends.merged(dependencies_of(self.strategy, self.variant.id))
        return Replayed(self.rows, self.markets, self.rejects, depends, self.carries, self.refused)


class Company:
    """Variants that are replayed side by side, session after session.

    Attributes:
        members: Those that continue.
        failures: Why others do not.
        leavers: Ids of variants that left something behind; their results so far are not valid.
    """

    def __init__(self, job: ReplayJob, kind: type[Entry] = Entry) -> None:
        """Find the variants' strategies.

        Args:
            kind: What they enter sessions as.

        Raises:
            ChangedSourceError: A strategy is not the one that was planned.
        """
        self._limits, self._ticks, self._passed = job.limits, 0, 0
        self._ended: Callable[[], int] = int
        self._where: Callable[[], str | Place] = partial(str, "before the first market")
        watch.explain = partial(self._explain, threading.get_ident())
        watch.begin(self._limits.replaying("its strategies' import"))
        running.begin()
        quiet()
        guard_config(job.variants[0].settings)
        record_dependencies()
        self._folder = Path.cwd()
        # This project's strategies are tested to change nothing; to look takes as long as to replay a market or two.
        has_strangers = not all(variant.is_ours for variant in job.variants)
        self._before = Surroundings() if has_strangers else None
        self.members: list[Member] = []
        self.failures: list[ReplayError] = []
        self.leavers: list[str] = []
        for variant in job.variants:
            running.variant = variant.id
            seed(variant.name.partition(":")[0])  # a module may draw random numbers on import
            try:
                self.members.append(Member(variant, job, kind))
            except ChangedSourceError:
                raise
            except BaseException as error:  # noqa: BLE001 - a module may raise anything
                self.failures.append(blame.failure(variant.id, error, "before the first market"))
        running.variant = ""
        self._imported = self._before
        if len(self._strangers) > 1:
            # A module changed process-wide state on import, and the culprit is unknown.
            self.end()
        # A strategy in a process of its own may change anything, as it could in plain flumine.
        self._imported = self._before.renewed() if self._before else None
        # After the last session of a single variant nobody is left to be affected.
        is_last_of_one = len(job.sessions) == len(self._strangers) == 1
        self._leavings = Leavings([] if is_last_of_one else [(m.strategy, m.variant.id) for m in self._strangers])

    @property
    def _strangers(self) -> list[Member]:
        return [member for member in self.members if member.is_stranger]

    def replay(self, session: Sequence[Streamed]) -> None:
        """Replay a session for all members.

        Raises:
            ReplayError: Something shared was changed, or the process lacks a resource, which invalidates the session
                for all.
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
        # Where several variants draw random numbers, each is replayed again alone.
        first = (self._strangers or self.members)[0]
        self._leavings.begin(" ".join((first.variant.fingerprint, *market_ids)))
        entries = {member: member.entry(market_ids) for member in self.members}
        started = perf_counter()
        self._play(list(entries.values()), session)
        self._passed, self._ended = self._passed + len(session), int
        watch.passed = self._passed
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
                self._where, self._ended = partial(getattr, ticks, "place"), partial(getattr, ticks, "ended")
                replay_side_by_side(ticks, entries, self._leavings)
            restore_config()
        except (ChangedBookError, ChangedConfigError) as error:
            # It is detected later than it was done, so the culprit is known only where there is a single suspect.
            raise blame.failure(self._suspect, error, f"found {ticks.place}") from None
        finally:
            running.variant = ""
        refused = take_refusals()
        for entry in entries:
            if entry.id in refused:
                entry.refuse(ChangedConfigError(refused[entry.id]))

    @contextmanager
    def suspecting(self) -> Iterator[None]:
        """Blame a strategy for any exception if shared files, memory or names have been changed.

        Raises:
            ReplayError: In place of the original exception.
        """
        try:
            yield
        except (ReplayError, ChangedSourceError):
            raise
        except BaseException as error:
            changed = self._before.changes() if self._before else ()
            if not changed:
                raise
            raise blame.failure(self._suspect, error, f"after a change of {', '.join(changed)}") from None

    def end(self) -> None:
        """Detect whether any strategy changed process-wide state; the culprit is unknown then.

        All strangers have to be replayed alone, also those that failed: the change may be why.
        """
        if self._imported is None or not self._imported.changes():
            return
        strangers = {member.variant.id for member in self._strangers}
        failed = {failure.variant for failure in self.failures}
        self.leavers += [*sorted(strangers | failed)]
        self.members = [member for member in self.members if not member.is_stranger]
        self.failures = []

    def come_back(self) -> None:
        """Return to the folder that relative paths refer to."""
        os.chdir(self._folder)

    @property
    def _suspect(self) -> str:
        """The one stranger's id, where there is no other."""
        strangers = [member.variant.id for member in self._strangers]
        return strangers[0] if len(strangers) == 1 else ""

    def _read(self, market: Streamed) -> Sequence[str]:
        """Read a market's messages, and update the watchdog's limit."""
        watch.passed = self._passed + self._ended()
        watch.begin(self._limits.reading(f"the reading of market {market.market_id}"))
        messages = market.read()
        self._ticks += len(messages) * len(self.members)
        watch.begin(self._limits.replaying(f"market {market.market_id}", self._ticks))
        return messages

    def _explain(self, thread: int, overrun: Overrun) -> ReplayError:
        """Describe where the replay is that exceeds its limits."""
        frame = sys._current_frames().get(thread)  # noqa: SLF001 - there is no public way to get a thread's frame
        return blame.overrun(running.variant, overrun, self._where(), frame)
