"""Things of several series come in the order in which flumine plays an event group, and no series begins too early."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from tasks.simulation.interleaving import interleave

Series = list[list[tuple[int, str]]]


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Some series of few times, which are often the same, and seldom fall."""
    times = st.lists(st.integers(0, 12), max_size=8)
    drawn = draw(st.lists(st.one_of(times.map(sorted), times), max_size=6))
    return [[(time, f"{place}.{number}") for number, time in enumerate(one)] for place, one in enumerate(drawn)]


def as_flumine(series: Series) -> Iterator[tuple[int, str]]:
    """The lines of `FlumineSimulation.run`, without what it does with the books."""
    cycles = []
    for one in series:
        rest = iter(one)
        for thing in rest:
            cycles.append([thing[0], thing, rest])
            break
    while cycles:
        cycles.sort(key=lambda cycle: cycle[0])
        _, thing, rest = cycles.pop(0)
        yield thing
        try:
            following = next(rest)
        except StopIteration:
            continue
        cycles.append([following[0], following, rest])


@given(series=series(), early=st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_the_order_is_flumines_and_nothing_begins_before_it_must(series: Series, early: list[int]):
    begun: set[int] = set()

    def begin(place: int) -> Iterator[tuple[int, str]]:
        begun.add(place)
        yield from series[place]

    begins = [min((time for time, _ in one), default=0) - sooner for one, sooner in zip(series, early, strict=False)]
    found = []
    for time, name in interleave([begin(place) for place in range(len(series))], begins, lambda thing: thing[0]):
        found.append((time, name))
        assert all(begins[place] > time for place in set(range(len(series))) - begun)
        # Another than the next is begun only where it may precede it, or where there was no other.
        latest = max(time for time, _ in found)
        assert all(begins[place] <= latest for place in begun)
    assert found == list(as_flumine(series))
