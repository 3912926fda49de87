"""Markets from a seed, as hostile as the exchange's worst day: whatever can happen to a market happens to some.

Publish times never fall. `hostile_features.py` tells what a market has.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random

from hostile_messages import FACTORS, OFF, MarketState, Message
from hostile_prices import Prices

# Milliseconds between messages.
_EARLY = (50, 1000, 20_000, 60_000, 600_000, 3_600_000)
_BEFORE_THE_OFF = (0, 50, 50, 50, 50, 100, 200, 500, 1000, 1000, 2000, 5000)
_IN_PLAY = (0, 50, 50, 200, 1000, 1000, 2000, 5000, 8000)


def market(seed: int) -> list[Message]:
    """Make a market.

    Args:
        seed: Decides all of it, for ever.

    Returns:
        Its messages.
    """
    return list(_Life(market_id(seed), Random(seed)).live())  # noqa: S311 - not for secrets


def market_id(seed: int) -> str:
    """Give the id of a seed's market.

    Args:
        seed: Any; those below 100,000,000 have an id of their own.

    Returns:
        The id.
    """
    return f"1.2{seed % 100_000_000:08d}"


def lines(messages: Iterable[Message]) -> list[str]:
    """Write messages as the exchange does.

    Args:
        messages: Of a market.

    Returns:
        Lines of JSON, without line feeds.
    """
    return [json.dumps(message, separators=(",", ":")) for message in messages]


class _Life:
    def __init__(self, market_id: str, dice: Random) -> None:
        self._dice, self._state = dice, MarketState(market_id, dice)

    def live(self) -> Iterator[Message]:
        dice, state = self._dice, self._state
        state.enter(state.kind.runners)
        if dice.random() < 0.2:
            state.status = "SUSPENDED"
            yield state.message(defines=state.runners)
            state.status = "OPEN"
        yield state.message(self._ladders(), defines=state.runners)
        yield from self._pass(dice.randrange(4, 16), _EARLY, until=OFF - 95_000)
        state.clock = max(state.clock, OFF - dice.choice((70_000, 85_000, 95_000)))
        yield from self._pass(dice.randrange(30, 80), _BEFORE_THE_OFF)
        yield from self._take_off()
        if state.is_in_play:
            yield from self._pass(dice.randrange(10, 30), _IN_PLAY)
        yield from self._settle()

    def _pass(self, happenings: int, steps: tuple[int, ...], until: float = float("inf")) -> Iterator[Message]:
        for _ in range(happenings):
            self._wait(*(step for step in steps if self._state.clock + step <= until))
            yield from self._happening()()

    def _wait(self, *milliseconds: int) -> None:
        self._state.clock += self._dice.choice(milliseconds or (0,))

    def _take_off(self) -> Iterator[Message]:
        state = self._state
        state.clock = max(state.clock, state.off)
        if self._dice.random() < 0.8:
            yield self._suspend()
        if state.has_starting_prices:
            self._wait(50, 2000)
            state.is_reconciled = True
            yield state.message(defines=state.runners)
        if state.turns_in_play:
            self._wait(50, 5000)
            state.is_in_play, state.bet_delay, state.status = True, self._dice.choice((1, 5, 5)), "OPEN"
            state.version += 1
            yield state.message(state.some(Prices.move), defines=state.runners)

    def _settle(self) -> Iterator[Message]:
        dice, state = self._dice, self._state
        yield self._suspend()
        self._wait(50, 60_000, 600_000)
        if dice.random() < 0.7:
            yield state.message(state.change(state.runners, Prices.forget_traded))
        yield self._close()
        again = dice.random()
        if again < 0.25:
            self._wait(1000, 120_000)
            self._open_again()
            yield state.message(self._ladders(), defines=state.runners, is_image=dice.random() < 0.3)
            yield from self._pass(dice.randrange(3, 10), _IN_PLAY)
        if again < 0.4:
            self._wait(0, 30_000)
            yield self._close()
        for _ in range(dice.choice((0, 0, 0, 1, 3))):
            self._wait(0, 50, 3_600_000)
            yield state.message(state.some(Prices.move), defines=dice.choice((None, state.runners)))

    # What happens while it is open: some messages, mostly one.

    def _happening(self) -> Callable[[], Iterator[Message]]:
        weights: dict[Callable[[], Iterator[Message]], int] = {
            self._trade: 45,
            self._move: 22,
            self._scatter: 8,
            self._be_quiet: 3,
            self._take_back: 4,
            self._guess_starting_prices: 6 if self._state.has_starting_prices else 0,
            self._show_all: 4,
            self._define_anew: 4,
            self._remove: 2,
            self._reinstate: 2,
            self._hide: 2,
            self._arrive: 2,
            self._stop: 4,
            self._move_off: 0 if self._state.is_in_play else 2,
        }
        return self._dice.choices(list(weights), list(weights.values()))[0]

    def _trade(self) -> Iterator[Message]:
        yield self._state.message(self._state.some(Prices.trade))

    def _move(self) -> Iterator[Message]:
        yield self._state.message(self._state.some(Prices.move))

    def _scatter(self) -> Iterator[Message]:
        """Say of a runner several times in one message: a field each, then more of the same."""
        changes = self._state.some(Prices.trade)
        apart = [
            {name: value for name, value in change.items() if name in ("id", "hc", field)}
            for change in changes
            for field in change
            if field not in ("id", "hc")
        ]
        yield self._state.message(apart + self._state.some(Prices.trade))

    def _be_quiet(self) -> Iterator[Message]:
        yield self._state.message(self._dice.choice((None, [])))

    def _take_back(self) -> Iterator[Message]:
        how = self._dice.choice((Prices.correct, Prices.forget_traded, Prices.repeat))
        yield self._state.message(self._state.some(how))

    def _guess_starting_prices(self) -> Iterator[Message]:
        yield self._state.message(self._state.some(Prices.starting_price))

    def _show_all(self) -> Iterator[Message]:
        """An image: runners in another order, fewer or more of them, their prices as they were or moved on."""
        dice, state = self._dice, self._state
        if dice.random() < 0.5:
            dice.shuffle(state.runners)
        absent = [runner for runner in state.runners if runner.status != "ACTIVE"]
        leaving = absent if dice.random() < 0.8 else state.runners
        if leaving and len(state.runners) > 2 and dice.random() < 0.4:
            state.runners.remove(runner := dice.choice(leaving))
            state.bench.append(runner)
        if dice.random() < 0.3:
            state.enter(1)
        if dice.random() < 0.5:
            state.some(Prices.trade)
            state.some(dice.choice((Prices.move, Prices.correct, Prices.forget_traded)))
        changes = [fields for fields in self._ladders() if dice.random() < 0.97]
        yield state.message(changes, defines=state.runners, is_image=True)

    def _define_anew(self) -> Iterator[Message]:
        """A definition without an image: runners in another order, or one of them missing; the book keeps its own."""
        dice, state = self._dice, self._state
        listed = dice.sample(state.runners, len(state.runners))
        changes = state.some(Prices.trade) if dice.random() < 0.5 else None
        yield state.message(changes, defines=listed[1:] if dice.random() < 0.2 else listed)

    def _remove(self) -> Iterator[Message]:
        dice, state = self._dice, self._state
        active = [runner for runner in state.runners if runner.status == "ACTIVE"]
        if len(active) < 3:
            return
        runner = dice.choice(active)
        if dice.random() < 0.7:
            yield self._suspend()
            self._wait(50, 1000)
        runner.status = "REMOVED"
        changes = state.change([runner], Prices.withdraw) if dice.random() < 0.5 else None
        yield state.message(changes, defines=state.runners)
        yield from self._open()

    def _reinstate(self) -> Iterator[Message]:
        dice, state = self._dice, self._state
        absent = [runner for runner in state.runners if runner.status in ("REMOVED", "HIDDEN")]
        if absent:
            runner = dice.choice(absent)
            runner.status = "ACTIVE"
            if runner.factor and dice.random() < 0.3:
                runner.factor = dice.choice(FACTORS)
            yield state.message(state.change([runner], Prices.move), defines=state.runners)

    def _hide(self) -> Iterator[Message]:
        """Hide a runner that was there, or one that comes late."""
        state = self._state
        if state.bench and self._dice.random() < 0.5:
            state.enter(1)
            state.runners[-1].status = "HIDDEN"
        else:
            self._dice.choice(state.runners).status = "HIDDEN"
        yield state.message(defines=state.runners)

    def _arrive(self) -> Iterator[Message]:
        """A late runner, first named by a definition or by its prices."""
        state = self._state
        if state.bench:
            state.enter(1)
            if self._dice.random() < 0.5:
                yield state.message(state.change(state.runners[-1:], Prices.image))
                self._wait(0, 50, 1000)
            yield state.message(state.change(state.runners[-1:], Prices.move), defines=state.runners)

    def _stop(self) -> Iterator[Message]:
        """A suspension."""
        yield self._suspend()
        for _ in range(self._dice.randrange(3)):
            self._wait(0, 50, 1000)
            yield self._state.message(self._state.some(self._dice.choice((Prices.move, Prices.trade))))
        self._wait(50, 500, 3000)
        yield from self._open()

    def _move_off(self) -> Iterator[Message]:
        self._state.off += self._dice.choice((-60_000, -30_000, 30_000, 60_000, 300_000))
        yield self._state.message(defines=self._state.runners)

    # Parts of the above.

    def _suspend(self) -> Message:
        self._state.status = "SUSPENDED"
        self._state.version += self._dice.choice((0, 1, 1, 1))
        return self._state.message(defines=self._state.runners)

    def _open(self) -> Iterator[Message]:
        state = self._state
        if state.status != "OPEN":
            state.status = "OPEN"
            state.version += self._dice.choice((0, 0, 1, 1))
            yield state.message(state.some(Prices.move), defines=state.runners)

    def _close(self) -> Message:
        dice, state = self._dice, self._state
        state.status = "CLOSED"
        standing = [runner for runner in state.runners if runner.status != "REMOVED"]
        dice.shuffle(standing)
        winners = state.kind.winners + (dice.random() < 0.1)  # a dead heat
        is_abandoned = dice.random() < 0.08
        for place, runner in enumerate(standing):
            runner.status = "WINNER" if place < winners else "PLACED" if place < state.kind.places else "LOSER"
            if is_abandoned or (state.kind.is_of_lines and not runner.handicap):
                runner.status = "REMOVED"  # as a line is that ends level
        return state.message(defines=state.runners, is_image=dice.random() < 0.05)

    def _open_again(self) -> None:
        self._state.status = "OPEN"
        self._state.version += 1
        for runner in self._state.runners:
            if runner.status != "REMOVED" or self._dice.random() < 0.1:
                runner.status = "ACTIVE"

    def _ladders(self) -> list[dict[str, object]]:
        return self._state.change(self._state.runners, Prices.image)
