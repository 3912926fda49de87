"""Snapshots of what a strategy keeps outside its instances: in classes, module globals and the global random state.

Markets are replayed one after the other in one process, each with a fresh instance, so state kept there would leak from
one market into the next. `snapshot` and `random_state` detect a change, `seed` gives a market its own random numbers.
The replay decides what follows from a change.

A missed change costs wrong orders, a false alarm costs milliseconds: so what cannot be inspected never counts as
unchanged. A strategy's own `__getstate__`, `__eq__` or properties are not called, since they might omit something or
have side effects.
"""

import abc
import collections
import contextvars
import copyreg
import ctypes
import enum
import functools
import gc
import hashlib
import itertools
import logging
import operator
import pathlib
import pickle
import random
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
from pydantic.fields import FieldInfo

from tasks.simulation.named import address_of, is_found_by_name
from tasks.simulation.type_hints import content_of

# Beyond this, starting a clean process is faster.
_MOST_BYTES = 8_000_000
_MOST_OBJECTS = 10_000  # other than plain values and containers
_DIGEST_SIZE = 16
_PROTOCOL = 5

_IMMUTABLE_TYPE = 1 << 8  # CPython's Py_TPFLAGS_IMMUTABLETYPE
_WORD = ctypes.sizeof(ctypes.c_void_p)

# What Python and its libraries store on a module or a class, some of it lazily.
_NO_STATE = frozenset(
    {
        *("__annotate__", "__annotate_func__", "__annotations_cache__", "__slotnames__", "__warningregistry__"),
        "_abc_impl",
    }
)
_OPAQUE = frozenset({"__builtins__", "__loader__", "__path__", "__signature__", "__spec__"})  # more is stored in these
_PYDANTICS = "__pydantic_"
_HINTS = "__annotations__"
_READ = _NO_STATE | _OPAQUE | {_HINTS}

# What is no state on instances: earlier answers, and what others share.
_NOTES: Mapping[type, frozenset[str]] = {
    logging.Logger: frozenset({"_cache", "manager", "parent"}),
    logging.Handler: frozenset({"lock"}),
    enum.Flag: frozenset({"_inverted_"}),
}
_PANDAS_NOTES = frozenset({"_cache", "_references"})

# The functions that `functools.singledispatch` makes, and what these keep of earlier calls.
_DISPATCHING = frozenset(
    part for part in functools.singledispatch.__code__.co_consts if isinstance(part, types.CodeType)
)
_DISPATCHED = frozenset({"dispatch_cache", "cache_token"})

Reader = Callable[["_Looker", Any], object]


def snapshot(modules: Iterable[types.ModuleType], classes: Iterable[type]) -> bytes | None:
    """Digest all that modules and classes hold now, recursively, for comparison with a later digest.

    Digests are comparable within one process only, since much is identified by its address.

    Args:
        modules: The strategy's own. Functions and classes defined in them are inspected wherever they are met; those of
            other modules are not.
        classes: Inspected wherever they are defined: the strategy's class and its bases.

    Returns:
        A digest, the same as long as nothing changed; None where it cannot be determined, because something cannot be
        inspected (a generator, an open file) or is too large.
    """
    sink = _Sink()
    try:
        _Looker(sink, list(modules), list(classes)).look()
    except Exception:  # noqa: BLE001 - whatever prevents an object's inspection, the state is unknown
        return None
    return sink.digest()


def seed(text: str) -> None:
    """Seed the global random numbers of Python and numpy from a text, the same on every machine."""
    digest = hashlib.sha256(text.encode()).digest()
    random.seed(digest)
    if type(np.random.mtrand.get_bit_generator()) is not np.random.MT19937:
        # A strategy has replaced the bit generator by one that takes no such seed.
        np.random.mtrand.set_bit_generator(np.random.MT19937())
    np.random.seed(np.frombuffer(digest, ">u4"))  # noqa: NPY002 - the global state is the point


def random_state() -> bytes:
    """Digest the state of the global random numbers of Python and numpy; the same as long as none was drawn."""
    state = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002 - as above
    return hashlib.blake2b(pickle.dumps(state), digest_size=_DIGEST_SIZE).digest()


class _CannotTellError(Exception):
    """Something cannot be inspected."""


class _Sink:
    """A file of limited size that keeps only a digest."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=_DIGEST_SIZE)
        self._left = _MOST_BYTES

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise _CannotTellError("too much")
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.digest()


class _Looker(pickle.Pickler):
    """Serializes what objects hold, for comparison only.

    The pickler handles Python's plain values and containers, and objects met again. For anything else a reader returns
    what it holds, which is pickled as the state of a bare `object`.
    """

    def __init__(self, sink: _Sink, modules: list[types.ModuleType], classes: list[type]) -> None:
        super().__init__(sink, _PROTOCOL)
        self._modules, self._classes = modules, classes
        self.own_modules = {module.__name__ for module in modules}
        self._own_classes = {id(cls) for cls in classes}
        self._own_globals = {id(vars(module)) for module in modules}
        self._sets: dict[int, tuple[int, set[object]]] = {}
        self._objects = 0

    def look(self) -> None:
        self.dump((self._classes, [_state_in(vars(module)) for module in self._modules]))

    def persistent_id(self, obj: object) -> object:
        """Read a set, of which the pickler would write too little."""
        if type(obj) is not set:
            return None
        if id(obj) in self._sets:
            return self._sets[id(obj)][0]
        self._sets[id(obj)] = len(self._sets), obj
        return _read_set(obj)

    def reducer_override(self, obj: object) -> Any:  # noqa: ANN401 - pickle's signature
        """Read what is no plain value."""
        if obj is object:
            return NotImplemented
        self._objects += 1
        if self._objects > _MOST_OBJECTS:
            raise _CannotTellError("too much")
        cls = type(obj)
        reader = _READERS.get(cls)
        if reader is None:
            reader = _READERS[cls] = _make_reader(cls)
        return object, (), reader(self, obj)

    def is_own(self, definition: Any) -> bool:  # noqa: ANN401 - a class, a function, or what replaced it
        """Return whether a class or function is inspected: it is the strategy's, or its name does not lead to it."""
        return (
            definition.__module__ in self.own_modules
            or id(definition) in self._own_classes
            or not is_found_by_name(definition)
        )

    def is_a_module(self, names: dict[str, Any]) -> bool:
        """Return whether a function's globals are those of a module, rather than made for `exec`."""
        module = sys.modules.get(names.get("__name__", ""))
        return id(names) in self._own_globals or names is getattr(module, "__dict__", None)


def _state_in(names: Mapping[str, object]) -> dict[str, object]:
    state = {name: value for name, value in names.items() if name not in _READ and not name.startswith(_PYDANTICS)}
    state.update((name, address_of(names[name])) for name in _OPAQUE & names.keys())
    if hints := content_of(names.get(_HINTS)):
        state[_HINTS] = hints
    return state


def _read_name(_: _Looker, obj: object) -> object:
    return address_of(obj)


def _read_nothing(*_: object) -> object:
    return None


def _read_module(looker: _Looker, module: types.ModuleType) -> object:
    names = object.__getattribute__(module, "__dict__")
    return address_of(module) if looker.is_a_module(names) else _state_in(names)


def _read_class(looker: _Looker, cls: type) -> object:
    if cls.__flags__ & _IMMUTABLE_TYPE or not looker.is_own(cls):
        return address_of(cls)
    names = _names_of(cls)
    known = cls.__name__, cls.__qualname__, _registered(cls) if "_abc_impl" in names else ()
    made = [*map(id, type.__subclasses__(cls))] if cls.__module__ in looker.own_modules else []
    return type(cls), cls.__bases__, known, made, _state_in(names), _of_fields(names.get("__pydantic_fields__", {}))


def _registered(cls: type) -> list[int]:
    # The rest of what an abstract class notes are earlier answers.
    registry, *_ = abc._get_dump(cls)  # type: ignore[attr-defined] # noqa: SLF001 - there is no public way to ask
    return sorted(id(registered) for reference in registry if (registered := reference()) is not None)


def _of_fields(fields: Mapping[str, FieldInfo]) -> object:
    # Bounds are left out: they are no longer used, and there are many.
    return [
        (field.default, field.default_factory, [m for m in field.metadata if type(m).__module__ != "annotated_types"])
        for field in fields.values()
    ]


def _names_of(cls: type) -> Mapping[str, Any]:
    names: Mapping[str, Any] = type.__dict__["__dict__"].__get__(cls)  # which no metaclass can override
    return names


def _read_function(looker: _Looker, function: types.FunctionType) -> object:
    if not looker.is_own(function):
        return address_of(function)
    known = *map(_text, _KNOWN(function)), content_of(function.__annotations__)
    held = function.__defaults__, function.__kwdefaults__, *_closure_and_attributes(function)
    names = function.__globals__
    return address_of(function.__code__), known, held, None if looker.is_a_module(names) else _state_in(names)


_KNOWN = operator.attrgetter("__name__", "__qualname__", "__module__", "__doc__")


def _text(text: object) -> object:
    return address_of(text) if type(text) is str else text


def _closure_and_attributes(function: types.FunctionType) -> tuple[object, object]:
    if function.__code__ not in _DISPATCHING:
        return function.__closure__, function.__dict__
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    attributes = {name: value for name, value in function.__dict__.items() if name != "_clear_cache"}
    return [cell for name, cell in cells if name not in _DISPATCHED], attributes


def _read_cached_function(looker: _Looker, function: Any) -> object:  # noqa: ANN401 - its class has no public name
    # Its arguments and results in the order of their last use, and the function.
    return gc.get_referents(function) if looker.is_own(function) else address_of(function)


def _read_path(_: _Looker, path: pathlib.PurePath) -> object:
    return path.__reduce__()  # its slots also cache earlier results


def _read_alias(_: _Looker, alias: types.GenericAlias | types.UnionType) -> object:
    return address_of(alias), alias.__args__


def _read_hint(_: _Looker, hint: object) -> object:
    attributes = getattr(hint, "__dict__", {})
    return address_of(hint), attributes.get("__args__"), attributes.get("__metadata__")


def _read_set(held: set[object]) -> object:
    # Iteration order also depends on the set's history: the table's fill and the position of `pop` are part of the
    # state.
    fill, used, mask, _table, _hash, finger = (ctypes.c_ssize_t * 6).from_address(id(held) + object.__basicsize__)
    return fill, used, mask, finger, list(set.__iter__(held))


def _read_array(array: np.ndarray[Any, Any]) -> object:
    if array.nbytes > _MOST_BYTES:
        raise _CannotTellError("too much")
    base = array.base
    # Not its own address: a copy made for the comparison has another one each time.
    within = _address(array) - _address(base) if isinstance(base, np.ndarray) else 0
    shape = array.dtype, array.shape, array.strides, array.flags.writeable
    return shape, base, within, np.ndarray.tolist(array) if array.dtype.hasobject else np.ndarray.tobytes(array)


def _address(array: np.ndarray[Any, Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _read_context_variable(variable: contextvars.ContextVar[object]) -> object:
    context = contextvars.copy_context()
    # The referents include its default.
    return gc.get_referents(variable), [context[variable]] if variable in context else []


def _make_reader(cls: type) -> Reader:
    """Make the reader for instances of a class met for the first time.

    Raises:
        _CannotTellError: They hold what Python cannot see, and the class has no way to pickle it.
    """
    if issubclass(cls, type):
        return _read_class
    if issubclass(cls, types.ModuleType):
        return _read_module
    if cls.__module__ in ("typing", "typing_extensions"):
        return _read_hint
    if (cls.__module__, cls.__name__) == ("functools", "_lru_list_elem"):
        return _read_nothing  # a link of a cache, which is read already
    return _make_reader_of_instances(cls)


def _make_reader_of_instances(cls: type) -> Reader:
    hiding = cls
    while hiding is not object and not _hides(hiding):
        hiding = cast("type", hiding.__base__)
    read_hidden = _HIDDEN.get(hiding) or _pickling(hiding)
    slots = [
        value for base in cls.__mro__ for value in _names_of(base).values() if type(value) is types.MemberDescriptorType
    ]
    has_attributes = cls.__dictoffset__ != 0
    notes = frozenset[str]().union(*(_NOTES.get(base, ()) for base in cls.__mro__))
    if cls.__module__.partition(".")[0] == "pandas":
        notes |= _PANDAS_NOTES
    is_handler = issubclass(cls, logging.Handler)

    def read(_: _Looker, obj: object) -> object:
        attributes = object.__getattribute__(obj, "__dict__") if has_attributes else {}
        if notes:
            attributes = {name: value for name, value in attributes.items() if name not in notes}
        if is_handler and "stream" in attributes:
            attributes = {**attributes, "stream": address_of(attributes["stream"])}  # an open file
        hidden = read_hidden(obj)
        return cls, attributes, [_read_slot(slot, obj) for slot in slots], hidden

    return read


def _read_slot(slot: types.MemberDescriptorType, obj: object) -> list[object]:
    try:
        return [slot.__get__(obj)]
    except AttributeError:
        return []


def _hides(cls: type) -> bool:
    """Return whether instances hold more than the base's, other than slots, their `__dict__` and `__weakref__`."""
    base = cast("type", cls.__base__)
    words = 0
    if not cls.__flags__ & _IMMUTABLE_TYPE:  # else it is written in C, where slots may overlap
        words += sum(type(value) is types.MemberDescriptorType for value in _names_of(cls).values())
        words += (cls.__weakrefoffset__ > 0) - (base.__weakrefoffset__ > 0)
        words += (cls.__dictoffset__ > 0) - (base.__dictoffset__ > 0)
    return cls.__itemsize__ != base.__itemsize__ or cls.__basicsize__ > base.__basicsize__ + words * _WORD


def _pickling(cls: Any) -> Callable[[Any], object]:  # noqa: ANN401 - mypy takes its methods for bound
    """Find how a class that is not written in Python pickles its instances."""
    if hasattr(cls, "__next__"):
        raise _CannotTellError("what an iterator holds shows when it goes on")
    if cls in copyreg.dispatch_table:
        return _parts(copyreg.dispatch_table[cls])
    if cls.__reduce__ is not object.__reduce__:
        return _parts(cls.__reduce__)
    if cls.__reduce_ex__ is not object.__reduce_ex__:
        return _parts(lambda obj: cls.__reduce_ex__(obj, _PROTOCOL))
    if cls.__getstate__ is not object.__getstate__:
        return cast("Callable[[Any], object]", cls.__getstate__)
    raise _CannotTellError(f"{cls.__name__} hides what it holds")


def _parts(reduce: Callable[[Any], Any]) -> Callable[[Any], object]:
    def read(obj: object) -> object:
        parts = reduce(obj)
        if isinstance(parts, str):
            return address_of(obj)
        # The fourth and the fifth are iterators over a list's and a dictionary's items.
        return [list(part) if number in (3, 4) and part is not None else part for number, part in enumerate(parts)]

    return read


# What instances hold invisibly to Python, by the class that holds it.
_HIDDEN: dict[type, Callable[[Any], object]] = {
    object: _read_nothing,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: bytes.__bytes__,
    tuple: lambda held: list(tuple.__iter__(held)),
    list: lambda held: list(list.__iter__(held)),
    dict: lambda held: list(dict.items(held)),
    collections.defaultdict: lambda held: list(dict.items(held)),
    set: _read_set,
    frozenset: lambda held: list(frozenset.__iter__(held)),
    collections.OrderedDict: lambda held: list(collections.OrderedDict.items(held)),
    collections.deque: lambda held: (held.maxlen, list(collections.deque.__iter__(held))),
    itertools.count: lambda count: (repr(count), gc.get_referents(count)),
    classmethod: _read_nothing,
    staticmethod: _read_nothing,
    property: _read_nothing,
    types.CellType: gc.get_referents,
    types.MappingProxyType: gc.get_referents,
    weakref.ReferenceType: lambda reference: (weakref.ReferenceType.__call__(reference), reference.__callback__),
    contextvars.ContextVar: _read_context_variable,
    type(threading.Lock()): repr,
    type(threading.RLock()): repr,
    cast("type", random.Random.__base__): random.Random.getstate,
    np.ndarray: _read_array,
}

# Readers by exact class; classes seen for the first time are added.
_READERS: dict[type, Reader] = {
    type: _read_class,
    types.FunctionType: _read_function,
    type(functools.cache(_read_nothing)): _read_cached_function,
    types.ModuleType: _read_module,
    types.GetSetDescriptorType: _read_name,
    types.MemberDescriptorType: _read_name,
    types.MethodDescriptorType: _read_name,
    types.WrapperDescriptorType: _read_name,
    types.ClassMethodDescriptorType: _read_name,
    np.ufunc: _read_name,
    type(np.mean): _read_name,
    pathlib.PosixPath: _read_path,
    pathlib.PurePosixPath: _read_path,
    pathlib.WindowsPath: _read_path,
    pathlib.PureWindowsPath: _read_path,
    types.GenericAlias: _read_alias,
    types.UnionType: _read_alias,
}


# `from random import choice` makes the global generators reachable, which `random_state` covers.
_GLOBAL_RANDOM = random.random.__self__, np.random.rand.__self__  # type: ignore[attr-defined]


def _make_reader_of_random(cls: type) -> Reader:
    read = _make_reader_of_instances(cls)
    return lambda looker, obj: address_of(obj) if obj in _GLOBAL_RANDOM else read(looker, obj)


_READERS.update({cls: _make_reader_of_random(cls) for cls in map(type, _GLOBAL_RANDOM)})
