"""What type hints hold: mostly classes and texts, which are known by their address, but they may hold anything."""

from tasks.simulation.named import address_of, is_found_by_name

_IMMUTABLE_TYPE = 1 << 8  # CPython's Py_TPFLAGS_IMMUTABLETYPE
_PLAIN_TYPES = frozenset({str, int, bool, type(None), type(...)})
_TYPING = frozenset({"types", "typing", "typing_extensions"})

# Hints that hold nothing that changes, by their address.
_plain: dict[int, int] = {}


def content_of(hints: object) -> object:
    """Return what hints hold, to be looked into.

    Args:
        hints: The `__annotations__` of something.

    Returns:
        As much where there are none as where Python made a dictionary for who asked.
    """
    if type(hints) is not dict:
        return hints
    return [*hints, *(_plain.get(id(hint)) or _weigh(hint) for hint in hints.values())]


def _weigh(hint: object) -> object:
    if not _is_plain(hint):
        return hint
    _plain[id(hint)] = address_of(hint)
    return id(hint)


def _is_plain(hint: object) -> bool:
    if type(hint) in _PLAIN_TYPES:
        return True
    if type(hint).__module__ in _TYPING:
        return not hasattr(hint, "__metadata__") and all(map(_is_plain, getattr(hint, "__args__", ())))
    return isinstance(hint, type) and (bool(hint.__flags__ & _IMMUTABLE_TYPE) or is_found_by_name(hint))
