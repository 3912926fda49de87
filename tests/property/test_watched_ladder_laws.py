"""Whatever is done to prices that a strategy was given is found out, however they change afterwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.simulation.lean.ladder import BestPrices, PriceLadder, TradedLadder
from tasks.simulation.lean.watched import ChangedBookError, WatchedBestPrices, WatchedLadder, WatchedTradedLadder

# Few prices, so that levels are hit again, changed, removed and brought back.
ENTRIES = st.lists(
    st.tuples(st.sampled_from([1.01, 2, 2.0, 3.5, 10]), st.sampled_from([0, 0.0, 1, 2.5])).map(list), max_size=3
)
POSITIONS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([1.01, 2, 3.5]), st.sampled_from([0, 1, 2.5])).map(list), max_size=3
)
KINDS = {
    "back": (lambda: PriceLadder(-1), lambda: WatchedLadder(-1), ENTRIES),
    "lay": (lambda: PriceLadder(1), lambda: WatchedLadder(1), ENTRIES),
    "traded": (lambda: TradedLadder(1), lambda: WatchedTradedLadder(1), ENTRIES),
    "best": (BestPrices, WatchedBestPrices, POSITIONS),
}
CHANGES = {
    "a size": lambda levels: levels[-1].update(size=0.5),
    "a price": lambda levels: levels[0].update(price=1.5),
    "a level emptied": lambda levels: levels[0].clear(),
    "a level taken": lambda levels: levels.pop(),
    "a level more": lambda levels: levels.append({"price": 1.5, "size": 1}),
    "a level in place of another": lambda levels: levels.__setitem__(0, {"price": 1.5, "size": 1}),
}


def take(ladder, entries):
    (ladder.update_best if isinstance(ladder, BestPrices) else ladder.update)(entries)


def take_all(ladder, updates):
    for entries in updates:
        take(ladder, entries)
    ladder.check()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_is_left_alone_is_as_unwatched(kind, data):
    plain, watched, drawn = KINDS[kind]
    one, other = plain(), watched()
    for entries in data.draw(st.lists(drawn, max_size=8)):
        take(one, entries)
        take(other, entries)
        assert one.levels == other.levels
    other.check()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_what_is_changed_is_found_out(kind, change, data):
    _, watched, drawn = KINDS[kind]
    ladder = watched()
    take_all(ladder, data.draw(st.lists(drawn, min_size=1, max_size=8)))
    if not ladder.levels:
        return
    CHANGES[change](ladder.levels)
    with pytest.raises(ChangedBookError, match="prices of a market book, where it should change a copy"):
        take_all(ladder, data.draw(st.lists(drawn, max_size=8)))
