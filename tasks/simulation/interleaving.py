"""Things that several iterators give, put into one order by their times, each iterator begun no sooner than it must."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from typing import TypeVar

Timed = TypeVar("Timed")


def interleave(
    series: Sequence[Iterator[Timed]], begins: Sequence[int], time_of: Callable[[Timed], int]
) -> Iterator[Timed]:
    """Yield all things in the order in which flumine plays the books of an event group.

    Flumine has the next thing of every series in a list, sorts it stably by time, takes the first, and appends the one
    that comes after it in its series. So of equal times that is first which was put into the list earlier.

    Args:
        series: What is begun when it may be next; after each thing it is asked for the next one.
        begins: Of each, a time that none of its things precedes.
        time_of: Gives a thing's time.

    Yields:
        The things.
    """
    to_begin = deque(sorted(range(len(series)), key=begins.__getitem__))
    # Time, and when it was put in: first things by the place of their series, whenever that is begun.
    following: list[tuple[int, int, Timed, Iterator[Timed]]] = []
    number = len(series)
    while to_begin or following:
        while to_begin and (not following or begins[to_begin[0]] <= following[0][0]):
            place = to_begin.popleft()
            for thing in series[place]:
                heappush(following, (time_of(thing), place, thing, series[place]))
                break
        if not following:
            return
        _, _, thing, rest = following[0]
        yield thing
        if len(following) == 1 and not to_begin:
            yield from rest
            return
        for thing in rest:
            heapreplace(following, (time_of(thing), number, thing, rest))
            number += 1
            break
        else:
            heappop(following)
