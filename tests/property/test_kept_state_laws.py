"""Whatever a module's globals hold, however nested, shared or in itself: each change is seen, and nothing else is."""

import collections
import gc
import types
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.simulation.kept_state import snapshot


class Plain:
    def __init__(self, a, b):
        self.a, self.b = a, b


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


@dataclass
class Data:
    a: object
    b: object


class OwnDict(dict):
    pass


class OwnList(list):
    pass


MARK = "changed"
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.builds(bytearray, st.binary(min_size=1, max_size=3)),
    st.sets(st.integers(0, 40), max_size=4),
    st.frozensets(st.integers(0, 40), max_size=4),
    st.lists(st.floats(), min_size=1, max_size=3).map(np.array),
)
KEYS = st.one_of(st.integers(), st.text(max_size=3), st.tuples(st.integers(), st.booleans()))


def containers(inner):
    lists, dicts = st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)
    return st.one_of(
        lists,
        lists.map(tuple),
        lists.map(OwnList),
        lists.map(collections.deque),
        dicts,
        dicts.map(OwnDict),
        dicts.map(collections.OrderedDict),
        dicts.map(lambda held: collections.defaultdict(list, held)),
        *(st.builds(cls, inner, inner) for cls in (Plain, Slotted, Data)),
    )


VALUES = st.recursive(LEAVES, containers, max_leaves=12)


def parts(value):
    """What is within a value, itself included, each once."""
    found, waiting = {}, [value]
    while waiting:
        part = waiting.pop()
        if id(part) not in found:
            found[id(part)] = part
            if isinstance(part, dict):
                waiting.extend(part.values())
            elif isinstance(part, (list, tuple, collections.deque)):
                waiting.extend(part)
            elif isinstance(part, (Plain, Slotted, Data)):
                waiting.extend((part.a, part.b))
    return list(found.values())


def changes_of_items(part):
    for at in part if isinstance(part, dict) else range(len(part)):
        yield lambda at=at: part.__setitem__(at, MARK)
        yield lambda at=at: part.__delitem__(at)


def changes_of_a_list(part):
    yield lambda: part.append(MARK)
    yield from changes_of_items(part)


def changes_of_a_dict(part):
    yield lambda: part.__setitem__(MARK, None)
    yield from changes_of_items(part)
    if len(part) > 1:
        yield lambda: part.__setitem__(first := next(iter(part)), part.pop(first))


def changes_of_a_set(part):
    yield lambda: part.add(MARK)
    yield lambda: (part.add(MARK), part.discard(MARK))  # what it takes next may be in another order
    for element in part:
        yield lambda element=element: part.discard(element)


def changes_of_bytes(part):
    yield lambda: part.__setitem__(0, part[0] ^ 1)
    yield lambda: part.append(0)


def changes_of_an_array(part):
    yield lambda: part.__setitem__(-1, 0.5 if part[-1] != 0.5 else 0.25)
    yield lambda: part.setflags(write=False)


def changes_of_an_instance(part):
    yield lambda: setattr(part, "a", MARK)
    yield lambda: delattr(part, "b")
    if not isinstance(part, Slotted):
        yield lambda: setattr(part, "c", MARK)


CHANGES = {
    (list, collections.deque): changes_of_a_list,
    (dict,): changes_of_a_dict,
    (set,): changes_of_a_set,
    (bytearray,): changes_of_bytes,
    (np.ndarray,): changes_of_an_array,
    (Plain, Slotted, Data): changes_of_an_instance,
}


def changes(value):
    """Every way to change one thing within a value, each as a function that does it."""
    return [
        way
        for part in parts(value)
        for kinds, changes_of in CHANGES.items()
        if isinstance(part, kinds)
        for way in changes_of(part)
    ]


@st.composite
def modules(draw):
    """A module whose globals share some of their parts, and hold some of them in themselves."""
    module = types.ModuleType("own")
    module.held = held = draw(VALUES)
    module.other = draw(VALUES)
    keeping = [part for part in parts([held, module.other]) if isinstance(part, (list, dict, Plain))]
    for keeper in keeping[: draw(st.integers(0, 3))]:
        within = draw(st.sampled_from(keeping))
        match keeper:
            case list():
                keeper.append(within)
            case dict():
                keeper["within"] = within
            case _:
                keeper.a = within
    return module


def look(module):
    return snapshot([module], [Plain, Slotted])


@given(modules())
def test_it_is_told_the_same_as_long_as_nothing_changes(module):
    first = look(module)
    gc.collect(0)
    assert first == look(module) == look(module) is not None


@given(modules(), st.data())
def test_any_one_change_is_seen(module, data):
    ways = changes(module.held) + changes(module.other)
    if not ways:
        return
    before = look(module)
    data.draw(st.sampled_from(ways))()
    assert look(module) != before


@given(modules(), VALUES)
def test_a_global_more_or_less_is_seen(module, value):
    before = look(module)
    module.more = value
    with_it = look(module)
    del module.held
    assert len({before, with_it, look(module)}) == 3


@pytest.mark.parametrize("cls", [Plain, Slotted])
@given(value=VALUES)
def test_an_attribute_of_a_class_is_seen(cls, value):
    module = types.ModuleType("own")
    before = look(module)
    cls.more = value
    try:
        assert look(module) not in {before, None}
    finally:
        del cls.more
    assert look(module) == before
