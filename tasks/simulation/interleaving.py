"""Merge several iterators by time, starting each one only when it is needed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from typing import TypeVar

Timed = TypeVar("Timed")


def interleave(
    series: Sequence[Iterator[Timed]], begins: Sequence[int], time_of: Callable[[Timed], int]
) -> Iterator[Timed]:
    """Merge series in the order in which flumine plays the books of an event group.

    Flumine keeps the next item of every series in a list, sorts it stably by time, takes the first, and appends that
    series' next item. So among equal times the item that was put into the list earlier comes first.

    Args:
        series: Each is started when its first item may be next.
        begins: For each series, a lower bound of its times.
        time_of: Returns an item's time.
    """
    to_begin = deque(sorted(range(len(series)), key=begins.__getitem__))
    # Time, and insertion number: first items are numbered by their series, whenever it is started.
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
