"""What a comparison knows by its address alone; kept alive, so that nothing else comes to lie there."""

import sys
from typing import Any

_NAMED: dict[int, object] = {}


def address_of(obj: object) -> int:
    """Return an object's address, which is no other's from now on."""
    _NAMED[id(obj)] = obj
    return id(obj)


def is_found_by_name(definition: Any) -> bool:  # noqa: ANN401 - a class, a function, or what replaced it
    """Return whether a class or function is where its name says, or was once."""
    if id(definition) in _NAMED:
        return True
    # Read from the dictionaries, because a module's own `__getattr__` may import.
    found: object = sys.modules.get(definition.__module__)
    for part in definition.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found is definition
